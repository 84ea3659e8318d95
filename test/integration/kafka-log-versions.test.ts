import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { it } from 'node:test'
import { Fetcher } from '../../src/brokers/kafka/fetcher.ts'
import { loadKafka } from '../../src/brokers/kafka/kafka-client.ts'
import { LogCluster } from '../../src/brokers/kafka/log-cluster.ts'
import type { KafkaWire } from '../../src/brokers/kafka/wire.ts'
import { createTopic, type KafkaAddress, sharedKafka } from '../servers/index.ts'
import { fetchOptions, openLog, produce, TransactionalProducer } from './kafka-log/reading.ts'

const NEWEST = 17
const OLDEST = 4

/** A client that knows no younger version of the request: what it is with an older broker. */
async function clientUpTo(version: number): Promise<KafkaWire> {
  const wire = { ...(await loadKafka<Record<string, unknown>>()) }
  for (let younger = version + 1; younger <= NEWEST; younger++) delete wire[`fetchV${younger}`]
  return wire as unknown as KafkaWire
}

/** Waits for the last transaction's marker, which is written after `commit` has returned. */
async function ended(server: KafkaAddress, topic: string): Promise<void> {
  await using log = await openLog(server)
  for (let end = 0n; end < 5n;) {
    const [page] = await log.fetch([{ topic, partition: 0, offset: 4n }], fetchOptions)
    end = page?.nextOffset ?? 0n
  }
}

it('reads the same records through every version of the request, around what was aborted and beside what fails', async () => {
  const server = await sharedKafka()
  const topic = `versions-${randomUUID()}`
  await createTopic(server, topic, { partitions: 2 })
  const headers = new Map([[Buffer.from('h'), Buffer.from('é')]])
  const value = Buffer.from('before')
  await produce(server, [{ topic, partition: 0, key: Buffer.from('k'), value, headers }])
  await using producer = new TransactionalProducer(server)
  await producer.send(topic, ['aborted'])
  await producer.abort()
  await producer.send(topic, ['after'])
  await producer.commit()
  await ended(server, topic)
  for (let version = OLDEST; version <= NEWEST; version++) {
    const clientOptions = { bootstrapBrokers: [server.address] }
    const cluster = new LogCluster(await clientUpTo(version), { clientId: 'test', clientOptions })
    const fetcher = new Fetcher(cluster)
    try {
      const positions = [
        { topic, partition: 0, offset: 0n },
        { topic, partition: 1, offset: 99n },
      ]
      const found = await fetcher.fetch(positions, fetchOptions)
      const pages = found.toSorted((a, b) => a.partition - b.partition)
      assert.deepEqual(
        pages[0]?.records.map((one) => [one.key?.toString(), one.value?.toString(), one.headers]),
        [
          ['k', 'before', [['h', Buffer.from('é')]]],
          [undefined, 'after', []],
        ],
        `version ${version}`,
      )
      assert.equal(pages[0]?.nextOffset, pages[0]?.endOffset)
      assert.match(String(pages[1]?.error), /has no offset 99/)
    } finally {
      await fetcher.close()
      await cluster.close()
    }
  }
})

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { Admin } from '@platformatic/kafka'
import type { BrokerError } from '../../src/core/errors.ts'
import type { LogClient } from '../../src/core/log.ts'
import { type KafkaServer, startKafka } from '../servers/index.ts'
import type { Server } from '../servers/server.ts'
import { advance, fetchOptions, openLog, produce } from './kafka-log/reading.ts'
import { startSecondNode } from './kafka-log/second-node.ts'

let first: KafkaServer
let second: Server
let log: LogClient & AsyncDisposable

before(async () => {
  first = await startKafka()
  second = await startSecondNode(first)
  log = await openLog(first)
})
after(async () => {
  await log.close()
  await second[Symbol.asyncDispose]()
  await first[Symbol.asyncDispose]()
})

/** Makes a topic whose partitions lie on these nodes, the leader first. */
async function createOn(topic: string, nodes: readonly (readonly number[])[]): Promise<void> {
  const admin = new Admin({
    clientId: 'test',
    bootstrapBrokers: [first.address],
    retries: 50,
    retryDelay: 100,
  })
  const assignments = nodes.map((brokers, partition) => ({ partition, brokers: [...brokers] }))
  await admin.createTopics({ topics: [topic], partitions: -1, replicas: -1, assignments })
  await admin.close()
}

const at = (topic: string, partition: number) => ({ topic, partition, offset: 0n })

async function produceTo(topic: string, partition: number, values: readonly string[]) {
  await produce(
    first,
    values.map((value) => ({ topic, partition, value: Buffer.from(value) })),
  )
}

it('partitions of several leaders are read side by side, and the first answer is handed out', async () => {
  await createOn('spread', [[1], [2]])
  const positions = [at('spread', 0), at('spread', 1)]
  for (const partition of [0, 1, 0, 1]) {
    const began = performance.now()
    const coming = log.fetch(positions, { ...fetchOptions, maxWaitMs: 5_000 })
    await produceTo('spread', partition, ['x'])
    const pages = (await coming).filter((page) => page.records.length > 0)
    assert.deepEqual(
      pages.map((page) => [page.partition, page.records.length]),
      [[partition, 1]],
    )
    assert.ok(performance.now() - began < 3_000)
    positions.splice(0, 2, ...advance(positions, pages))
  }
  assert.deepEqual(
    positions.map((one) => one.offset),
    [2n, 2n],
  )
  const ends = await log.offsets(positions, 'latest')
  assert.deepEqual(ends, positions)
})

it('a fetch follows partitions to their new leader when a broker dies', async () => {
  await createOn('moving', [
    [1, 2],
    [2, 1],
  ])
  await produceTo('moving', 0, ['a0'])
  await produceTo('moving', 1, ['b0'])
  let positions = [at('moving', 0), at('moving', 1)]
  const read: string[] = []
  const readUntil = async (count: number): Promise<void> => {
    while (read.length < count) {
      try {
        const pages = await log.fetch(positions, fetchOptions)
        for (const page of pages) {
          assert.equal(page.error, null)
          read.push(...page.records.map((one) => String(one.value)))
        }
        positions = advance(positions, pages)
      } catch (error) {
        assert.equal((error as BrokerError).kind, 'away')
      }
    }
  }
  await readUntil(2)
  await second.kill()
  await produceTo('moving', 0, ['a1'])
  await readUntil(3)
  const moved = produceWhenLed('moving', 1, 'b1')
  await readUntil(4)
  await moved
  assert.deepEqual(read.toSorted(), ['a0', 'a1', 'b0', 'b1'])
})

async function produceWhenLed(topic: string, partition: number, value: string): Promise<void> {
  for (;;) {
    try {
      await produceTo(topic, partition, [value])
      return
    } catch {
      // The controller notices the dead broker in its own time.
    }
  }
}

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { kafka } from '../../../src/brokers/kafka/index.ts'
import { EventBus } from '../../../src/index.ts'
import { createTopic, readTopic, sharedKafka } from '../../servers/index.ts'
import { check, describe } from './checker.ts'
import { type Entry, Notebook, atWallClock, hashOf, readNotebook } from './history.ts'
import { commitsAtFetch, notesMarks } from './marks-broker.ts'

const EVENTS = 300

test('the checker finds nothing wrong with the marks of a consumer as it is', async () => {
  const history = await consumed(false)
  const findings = check(history, { mayRepeat: 0 })
  assert.ok(history.some(({ what }) => what === 'mark'))
  assert.equal(describe(findings), '')
})

test('the checker finds a consumer that commits offsets when it fetches', async () => {
  const findings = check(await consumed(true), { mayRepeat: 0 })
  assert.deepEqual([...new Set(findings.map(({ kind }) => kind))], ['mark'])
  const [finding] = findings
  assert.ok(finding !== undefined && finding.history.length <= 3, describe(findings))
})

/** What a producer without an outbox sent, and a consumer that handled all of it saw. */
async function consumed(broken: boolean): Promise<Entry[]> {
  const address = await sharedKafka()
  const topic = `marks_${randomUUID().slice(0, 8)}`
  await createTopic(address, topic)
  const folder = mkdtempSync(join(tmpdir(), 'oncommit-history-'))
  const path = join(folder, 'consumer')
  const notebook = new Notebook(path, 'consumer')
  const real = kafka({ brokers: [address.address] })
  await produce(real, topic, notebook)
  const noted = notesMarks(real, topic, notebook)
  await using bus = new EventBus({ broker: broken ? commitsAtFetch(noted) : noted })
  const { promise: through, resolve } = Promise.withResolvers<void>()
  let handled = 0
  await using consumer = bus.consume(topic, { group: topic, commitInterval: 20 }, (event) => {
    const { partition, key, payload } = event
    const place = { topic, partition, offset: Number(event.offset) }
    const hash = hashOf(payload)
    const uuid = event.header('uuid') ?? ''
    notebook.note({ what: 'handled', group: topic, ...place, key, uuid, hash })
    handled += 1
    if (handled === EVENTS) resolve()
  })
  await through
  // Its last marks are a part of the history.
  await consumer.stop()
  const records = await readTopic(address, topic, { atLeast: EVENTS })
  const readings = records.map(({ partition, offset, key, value, headers, timestamp }): Entry => {
    const uuid = String(headers.find(([name]) => name === 'uuid')?.[1])
    const record = { topic, partition, offset, key: String(key), uuid, hash: hashOf(value) }
    return Object.assign(record, {
      what: 'read',
      at: atWallClock(timestamp),
      client: 'witness',
    } as const)
  })
  const entries = [...readNotebook(path), ...readings]
  rmSync(folder, { recursive: true })
  return entries
}

async function produce(
  broker: ReturnType<typeof kafka>,
  topic: string,
  notebook: Notebook,
): Promise<void> {
  const signal = new AbortController().signal
  const producer = await broker.openProducer({ clientId: 'proof', signal, onAway: () => {} })
  const sends = Array.from({ length: EVENTS }, async (_, n) => {
    const [uuid, key, value] = [randomUUID(), `k${n % 5}`, Buffer.from(`value ${n}`)]
    const record = { topic, key, uuid, hash: hashOf(value) }
    notebook.note({ what: 'send', ...record, transaction: uuid, place: 0 })
    const headers = [['uuid', Buffer.from(uuid)]] as const
    await producer.send({ topic, key: Buffer.from(key), value, headers })
    notebook.note({ what: 'commit', transaction: uuid })
  })
  await Promise.all(sends)
  await producer.close()
}

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'

import { kafka } from '../../src/brokers/kafka/index.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import { explain } from '../../src/operations/explain.ts'
import type { ExplainOptions } from '../../src/operations/explain.ts'
import type { Explanation } from '../../src/operations/explanation.ts'
import { status } from '../../src/operations/status.ts'
import { RelayChild } from '../faults/relay-child.ts'
import { OutboxFixture, eventually } from '../relay/outbox-fixture.ts'
import {
  createDatabase,
  createTopic,
  readTopic,
  sharedPostgres,
  startKafka,
} from '../servers/index.ts'
import type { KafkaServer, TestDatabase } from '../servers/index.ts'

let server: KafkaServer
let database: TestDatabase
let fixture: OutboxFixture

before(async () => {
  server = await startKafka()
  database = await createDatabase(await sharedPostgres(), 'why_kafka')
  fixture = await OutboxFixture.open(database)
})
after(async () => {
  await fixture[Symbol.asyncDispose]()
  await database.drop()
  await server[Symbol.asyncDispose]()
})

async function newTopic(configs: Record<string, string> = {}): Promise<string> {
  const topic = `why-${randomUUID().slice(0, 8)}`
  await createTopic(server, topic, { partitions: 2, configs })
  return topic
}

/** Asks until the verdict is the one: a relay reports at its own pace. */
async function why<V extends Explanation['verdict']>(
  uuid: string,
  verdict: V,
  { outbox = fixture, ...options }: ExplainOptions & { outbox?: OutboxFixture } = {},
): Promise<Explanation & { verdict: V }> {
  await using inspection = await outbox.store.openInspection()
  let last: Explanation | undefined
  const found = eventually(`${uuid} is ${verdict}`, async () => {
    last = await explain(inspection, uuid, options)
    return last.verdict === verdict ? last : undefined
  })
  return (await found.catch((error: unknown) => {
    throw new Error(`it is ${JSON.stringify(last)}`, { cause: error })
  })) as Explanation & { verdict: V }
}

test('what Kafka refuses, what is behind it, and what has no topic is found, beside what is delivered', async () => {
  const [topic, missing] = [await newTopic({ 'max.message.bytes': '20000' }), `why-${randomUUID()}`]
  const [sent, refused, behind, parked] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()]
  const refusals = { maxAttempts: 1 }
  await using _ = await fixture.relay(kafka({ brokers: [server.address] }), { refusals })
  await fixture.commit(
    { topic, key: 'a', uuid: sent, payload: '1' },
    { topic, key: 'b', uuid: refused, payload: Buffer.alloc(30_000) },
    { topic, key: 'b', uuid: behind, payload: '2' },
    { topic: missing, key: 'c', uuid: parked, payload: '3' },
  )
  const { place } = await why(sent, 'delivered')
  const [record] = await readTopic(server, topic, { atLeast: 1 })
  assert.deepEqual(
    { partition: place?.partition, offset: place?.offset },
    { partition: record?.partition, offset: String(record?.offset) },
  )
  const { block } = await why(refused, 'blocked')
  assert.match(block.error, /larger|too large|MESSAGE_TOO_LARGE/i)
  assert.equal((await why(behind, 'blocked-by')).by, refused)
  assert.match((await why(parked, 'topic-parked')).block.error, new RegExp(missing))
})

test('while Kafka is away it is named as the cause, for either guarantee; when it is back, events go on', async () => {
  const topic = await newTopic()
  await using other = await createDatabase(await sharedPostgres(), 'why_kafka_away')
  await using atLeastOnce = await OutboxFixture.open(other)
  const brokers = [server.address]
  await using _ = await fixture.relay(kafka({ brokers }), { ttlMs: 1_500 })
  const broker = kafka({ brokers, guarantee: 'at-least-once' })
  await atLeastOnce.relay(broker, { ttlMs: 1_500 })
  const outboxes = [fixture, atLeastOnce].map((outbox) => ({
    outbox,
    first: uuidv7(),
    during: uuidv7(),
  }))
  for (const { outbox, first } of outboxes)
    await outbox.commit({ topic, key: 'a', uuid: first, payload: '1' })
  for (const { outbox, first } of outboxes) await why(first, 'delivered', { outbox })
  await server.kill()
  try {
    for (const { outbox, during } of outboxes)
      await outbox.commit({ topic, key: 'a', uuid: during, payload: '2' })
    for (const { outbox, during } of outboxes) {
      const { relay, awayMs } = await why(during, 'broker-away', { outbox })
      assert.ok(awayMs >= 0 && relay.error.length > 0)
      // The life that ends meanwhile says no more, and the next one has not said that it waits.
      await eventually('the status names the broker', async () => {
        await using inspection = await outbox.store.openInspection()
        const { sentence, broker: seen } = await status(inspection)
        const named = seen.state === 'away' && sentence.includes('the broker has been away for ')
        return named ? true : undefined
      })
    }
  } finally {
    await server.restart()
  }
  for (const { outbox, during } of outboxes) await why(during, 'delivered', { outbox })
})

test('a relay that stands still while its lease is fresh stalls, and expires when its lease is over', async () => {
  const topic = await newTopic()
  await using child = new RelayChild({
    databaseUrl: database.url,
    broker: server.address,
    guarantee: 'exactly-once',
    batchSize: 100,
    ttlMs: 6_000,
  })
  const first = uuidv7()
  await fixture.commit({ topic, key: 'a', uuid: first, payload: '1' })
  await why(first, 'delivered')
  const relayId = await eventually('it tells its id', () => child.report.relayId ?? undefined)
  child.freeze()
  const uuid = uuidv7()
  await fixture.commit({ topic, key: 'a', uuid, payload: '2' })
  const { owner, stalledMs } = await why(uuid, 'owner-stalled', { stalledMs: 500 })
  assert.equal(owner.id, relayId)
  assert.ok(stalledMs >= 500 && owner.leaseMs > 0)
  assert.equal((await why(uuid, 'owner-expired')).owner.id, owner.id)
  child.thaw()
  await why(uuid, 'delivered')
})

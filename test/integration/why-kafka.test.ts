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
  options: ExplainOptions = {},
): Promise<Explanation & { verdict: V }> {
  await using inspection = await fixture.store.openInspection()
  let last: Explanation | undefined
  const found = eventually(`${uuid} is ${verdict}`, async () => {
    last = await explain(inspection, uuid, options)
    return last.verdict === verdict ? last : undefined
  })
  return (await found.catch((error: unknown) => {
    throw new Error(`it is ${JSON.stringify(last)}`, { cause: error })
  })) as Explanation & { verdict: V }
}

const openBroker = () => kafka({ brokers: [server.address] })

test('each cause at a real Kafka is found: delivered, refused, blocked by, parked, and away', async () => {
  const [topic, missing] = [await newTopic({ 'max.message.bytes': '20000' }), `why-${randomUUID()}`]
  const [sent, refused, behind, parked] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()]
  const relay = await fixture.relay(openBroker(), { ttlMs: 1_500 })
  await fixture.commit(
    { topic, key: 'a', uuid: sent, payload: '1' },
    { topic, key: 'b', uuid: refused, payload: Buffer.alloc(30_000) },
    { topic, key: 'b', uuid: behind, payload: '2' },
    { topic: missing, key: 'c', uuid: parked, payload: '3' },
  )
  const { place } = await why(sent, 'delivered')
  const records = await readTopic(server, topic, { atLeast: 1 })
  assert.deepEqual(
    { partition: place?.partition, offset: place?.offset },
    { partition: records[0]?.partition, offset: String(records[0]?.offset) },
  )

  const { block } = await eventually('refused', async () => {
    await using inspection = await fixture.store.openInspection()
    const seen = await explain(inspection, refused)
    return seen.verdict === 'refused' || seen.verdict === 'retrying' ? seen : undefined
  })
  assert.match(block.error, /larger|too large|MESSAGE_TOO_LARGE/i)
  assert.equal(block.held.count, 2)
  assert.equal((await why(behind, 'blocked-by')).by, refused)
  assert.match((await why(parked, 'topic-parked')).block.error, new RegExp(missing))

  await server.kill()
  const waiting = uuidv7()
  await fixture.commit({ topic, key: 'a', uuid: waiting, payload: '4' })
  const { awayMs } = await why(waiting, 'broker-away')
  assert.ok(awayMs >= 0)
  await using inspection = await fixture.store.openInspection()
  const { sentence, broker } = await status(inspection)
  assert.match(sentence, /^unhealthy: the broker has been away for /)
  assert.equal(broker.state, 'away')
  await server.restart()
  await why(waiting, 'delivered')
  await relay.stop()
})

test('a relay that stands still while its lease is fresh stalls, and expires when its lease is over', async () => {
  const topic = await newTopic()
  await using child = new RelayChild({
    databaseUrl: database.url,
    broker: server.address,
    guarantee: 'exactly-once',
    batchSize: 100,
    ttlMs: 10_000,
  })
  const first = uuidv7()
  await fixture.commit({ topic, key: 'a', uuid: first, payload: '1' })
  await why(first, 'delivered')
  child.freeze()
  const uuid = uuidv7()
  await fixture.commit({ topic, key: 'a', uuid, payload: '2' })
  const { owner, stalledMs } = await why(uuid, 'owner-stalled', { stalledMs: 1_000 })
  assert.equal(owner.id, child.report.relayId)
  assert.ok(stalledMs >= 1_000 && owner.leaseMs > 0)
  assert.equal((await why(uuid, 'owner-expired')).owner.id, owner.id)
  child.thaw()
  await why(uuid, 'delivered')
})

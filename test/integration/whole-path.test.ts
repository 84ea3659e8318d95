import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Pool } from 'pg'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/index.ts'
import type { Broker, EventInput, OutboxStore, ReceivedEvent } from '../../src/index.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { createDatabase, createTopic, sharedKafka, sharedPostgres } from '../servers/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'oncommit-path-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, n) => n))
const invalidUtf8 = Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80])
const events = (topic: string): EventInput[] => [
  { topic, key: 'bytes', payload: everyByte },
  { topic, key: 'invalid', payload: invalidUtf8 },
  { topic, key: 'empty', payload: Buffer.alloc(0) },
  { topic, key: 'tombstone', payload: null },
  { topic, key: null, payload: 'no key' },
  { topic, key: '', payload: 'empty key' },
  { topic, key: 'ключ 🔑', payload: 'non-ASCII key' },
  {
    topic,
    key: 'headers',
    payload: 'x',
    headers: [
      ['b', '1'],
      ['a', everyByte],
      ['b', '2'],
      ['ce_id', 'mine'],
      ['content-type', 'mine too'],
      ['пусто', ''],
    ],
  },
  { topic, key: 'large', payload: Buffer.alloc(900 * 1024, 0xab) },
]

/** Sends in one transaction, relays, and reads back; in the order of the sent events. */
async function throughThePath<Tx>(
  parts: { store: OutboxStore<Tx>; broker: Broker; topic: string },
  inTransaction: (work: (tx: Tx) => Promise<void>) => Promise<void>,
): Promise<ReceivedEvent[]> {
  const { store, broker, topic } = parts
  await using bus = new EventBus({ store, broker })
  await bus.migrate()
  await inTransaction((tx) => bus.send(tx, events(topic)))
  await bus.startRelay()
  const byUuid: ReceivedEvent[] = []
  for await (const event of bus.stream(topic, { group: 'g' })) {
    byUuid.push(event)
    if (byUuid.length === events(topic).length) break
  }
  return events(topic).map((sent) => byUuid.find((event) => event.key === (sent.key ?? null))!)
}

function assertFaithful(topic: string, received: readonly ReceivedEvent[]): void {
  for (const [index, sent] of events(topic).entries()) {
    const event = received[index]
    assert.ok(event, `event ${index}`)
    const { payload } = sent
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : (payload as Buffer | null)
    assert.deepEqual(event.payload, bytes, `payload of ${sent.key}`)
    assert.equal(event.key, sent.key ?? null)
    const headers = (sent.headers ?? []) as readonly (readonly [string, string | Buffer])[]
    assert.deepEqual(
      event.headers,
      headers.map(([name, value]) => [name, Buffer.from(value as string)]),
    )
    assert.match(event.uuid ?? '', /^[0-9a-f-]{36}$/)
    assert.equal(event.msgType, topic)
  }
}

test('PostgreSQL to Kafka: payload, key and headers come out as they went in', async () => {
  const topic = `path-${randomUUID().slice(0, 8)}`
  const server = await sharedKafka()
  await createTopic(server, topic, { partitions: 3 })
  await using database = await createDatabase(
    await sharedPostgres(),
    `path_${randomUUID().slice(0, 8)}`,
  )
  const pool = new Pool({ connectionString: database.url })
  // The pool has ended before its clients have: the database ends these.
  pool.on('error', () => {})
  const store = postgres({ pool })
  const broker = kafka({ brokers: [server.address] })
  const received = await throughThePath({ store, broker, topic }, async (work) => {
    const client = await pool.connect()
    await client.query('BEGIN')
    await work(client)
    await client.query('COMMIT')
    client.release()
  })
  await pool.end()
  assertFaithful(topic, received)
})

for (const [name, file] of [
  ['a local broker in memory', undefined],
  ['a local broker in a file', join(folder, 'log.db')],
] as const) {
  test(`SQLite to ${name}: payload, key and headers come out as they went in`, async () => {
    const shop = join(folder, `${randomUUID()}.db`)
    const db = new DatabaseSync(shop)
    const broker = file === undefined ? local() : local({ file })
    const received = await throughThePath(
      { store: sqlite({ file: shop }), broker, topic: 't' },
      async (work) => {
        db.exec('BEGIN IMMEDIATE')
        await work(db)
        db.exec('COMMIT')
      },
    )
    db.close()
    assertFaithful('t', received)
  })
}

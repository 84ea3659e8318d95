import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'

import { Client } from 'pg'

import { uuidv7 } from '../../src/core/uuid.ts'
import { EventBus } from '../../src/index.ts'
import type { Explanation } from '../../src/index.ts'
import { postgres, rolesSql } from '../../src/stores/postgres/index.ts'
import { eventually } from '../relay/outbox-fixture.ts'
import { createDatabase, sharedPostgres } from '../servers/index.ts'
import type { TestDatabase } from '../servers/index.ts'

const HOUR_MS = 3_600_000
let database: TestDatabase
let bus: EventBus
let writer: Client

before(async () => {
  database = await createDatabase(await sharedPostgres(), 'why_postgres')
  bus = new EventBus({ store: postgres({ url: database.url }) })
  await bus.migrate()
  writer = await connect()
})
after(async () => {
  await writer.end()
  await bus.close()
  await database.drop()
})

async function connect(options: { user?: string } = {}): Promise<Client> {
  const client = new Client({ ...database.connection, application_name: 'a shop', ...options })
  await client.connect()
  return client
}

function insert(client: Client, uuid: string, key: string | null = 'k'): Promise<unknown> {
  return client.query('INSERT INTO oncommit.events (uuid, topic, key) VALUES ($1, $2, $3)', [
    uuid,
    't',
    key,
  ])
}

async function why<V extends Explanation['verdict']>(
  uuid: string,
  verdict: V,
): Promise<Explanation & { verdict: V }> {
  const explanation = await bus.operations.why(uuid)
  assert.equal(explanation.verdict, verdict)
  return explanation as Explanation & { verdict: V }
}

test('an event whose transaction is open is invisible, and why names who has it, without its data', async () => {
  const uuid = uuidv7()
  await writer.query('BEGIN')
  await insert(writer, uuid, 'a secret')
  const { transactions } = await why(uuid, 'invisible')
  const { rows } = await writer.query('SELECT pg_backend_pid() AS pid')
  assert.deepEqual(
    transactions.map(({ pid, state, application }) => ({ pid, state, application })),
    [{ pid: rows[0].pid, state: 'idle in transaction', application: 'a shop' }],
  )
  assert.doesNotMatch(JSON.stringify(transactions), /secret|INSERT/)
  await writer.query('COMMIT')
  const { liveRelays } = await why(uuid, 'lane-unowned')
  assert.equal(liveRelays, 0)
})

test('an open transaction that began after a uuid was made is not said to hold it', async () => {
  const old = uuidv7(Date.now() - HOUR_MS)
  await writer.query('BEGIN')
  await insert(writer, uuidv7())
  assert.equal((await why(old, 'not-found')).because, 'never-committed')
  await writer.query('ROLLBACK')
})

test('a prepared transaction is named as such', async () => {
  const uuid = uuidv7()
  await writer.query('BEGIN')
  await insert(writer, uuid)
  await writer.query(`PREPARE TRANSACTION 'why-prepared'`)
  const { transactions } = await why(uuid, 'invisible')
  assert.deepEqual(
    transactions.map(({ pid, state, application }) => ({ pid, state, application })),
    [{ pid: null, state: 'prepared', application: 'why-prepared' }],
  )
  await writer.query(`ROLLBACK PREPARED 'why-prepared'`)
  assert.equal((await why(uuid, 'not-found')).because, 'never-committed')
})

test('what was rolled back was never committed, and what is older than all that is kept may be forgotten', async () => {
  const undone = uuidv7()
  await writer.query('BEGIN')
  await insert(writer, undone)
  await writer.query('ROLLBACK')
  assert.equal((await why(undone, 'not-found')).because, 'never-committed')
  const forgotten = uuidv7(Date.now() - HOUR_MS)
  await insert(writer, forgotten)
  await insert(writer, uuidv7())
  // As the cleaner does when the retention of a published event is over.
  await writer.query(
    `WITH gone AS (DELETE FROM oncommit.events WHERE id <= (SELECT id FROM oncommit.events WHERE uuid = $1) RETURNING id)
    DELETE FROM oncommit.delivery d USING gone WHERE d.id = gone.id`,
    [forgotten],
  )
  assert.equal((await why(forgotten, 'not-found')).because, 'forgotten')
})

test('an owner whose lease ran out is expired, and a fenced one is fenced', async () => {
  const uuid = uuidv7()
  await insert(writer, uuid)
  const store = postgres({ url: database.url })
  const session = await store.openRelaySession()
  const id = randomUUID()
  await session.enroll({ id, fence: `fence-${id}`, protocol: 1, ttlMs: 1_000 })
  await session.tick(id, 1_000, ({ free }) => free)
  await why(uuid, 'backlog')
  const { owner } = await eventually('its lease runs out', async () => {
    const explanation = await bus.operations.why(uuid)
    return explanation.verdict === 'owner-expired' ? explanation : undefined
  })
  assert.equal(owner.id, id)
  assert.ok(owner.leaseMs < 0)
  await session.markFenced(id, { resigning: true })
  await why(uuid, 'owner-fenced')
  await session[Symbol.asyncDispose]()
  await store.close()
  await writer.query('UPDATE oncommit.lanes SET owner = NULL; DELETE FROM oncommit.relays')
})

test('an operator without more rights than to read may ask', async () => {
  await writer.query(rolesSql('oncommit'))
  await writer.query('DROP ROLE IF EXISTS why_reader')
  await writer.query('CREATE ROLE why_reader LOGIN IN ROLE oncommit_operator')
  const { host, port } = database.connection
  const url = `postgres://why_reader@${host}:${port}/${database.connection.database}`
  await using reading = new EventBus({ store: postgres({ url }) })
  const uuid = uuidv7()
  await insert(writer, uuid)
  assert.equal((await reading.operations.why(uuid)).verdict, 'lane-unowned')
  assert.equal((await reading.operations.status()).healthy, false)
})

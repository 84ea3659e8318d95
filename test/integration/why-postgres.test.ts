import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'

import { Client } from 'pg'

import { uuidv7 } from '../../src/core/uuid.ts'
import { EventBus } from '../../src/index.ts'
import type { Explanation } from '../../src/index.ts'
import { postgres, rolesSql } from '../../src/stores/postgres/index.ts'
import { eventually } from '../relay/outbox-fixture.ts'
import { createDatabase, sharedPostgres, startPostgres } from '../servers/index.ts'
import type { TestDatabase } from '../servers/index.ts'

const HOUR_MS = 3_600_000
let database: TestDatabase
let schemas = 0

before(async () => {
  database = await createDatabase(await sharedPostgres(), 'why_postgres')
})
after(async () => database.drop())

/** An outbox of its own, and a shop's connection that stores events. */
class Shop implements AsyncDisposable {
  readonly schema: string
  readonly bus: EventBus
  readonly writer: Client

  static async open(at: TestDatabase = database): Promise<Shop> {
    const shop = new Shop(at)
    await shop.bus.migrate()
    await shop.writer.connect()
    return shop
  }

  private constructor({ url, connection }: TestDatabase) {
    this.schema = `why_${++schemas}`
    this.bus = new EventBus({ store: postgres({ url, schema: this.schema }) })
    this.writer = new Client({ ...connection, application_name: 'a shop' })
  }

  async insert(uuid: string, key = 'k'): Promise<void> {
    await this.writer.query(
      `INSERT INTO ${this.schema}.events (uuid, topic, key) VALUES ($1, 't', $2)`,
      [uuid, key],
    )
  }

  async why<V extends Explanation['verdict']>(
    uuid: string,
    verdict: V,
  ): Promise<Explanation & { verdict: V }> {
    const explanation = await this.bus.operations.why(uuid)
    assert.equal(explanation.verdict, verdict, JSON.stringify(explanation))
    return explanation as Explanation & { verdict: V }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.writer.end()
    await this.bus.close()
  }
}

test('an event whose transaction is open is invisible, and why names who has it, without its data', async () => {
  await using shop = await Shop.open()
  const uuid = uuidv7()
  await shop.writer.query('BEGIN')
  await shop.insert(uuid, 'a secret')
  const { transactions } = await shop.why(uuid, 'invisible')
  const { rows } = await shop.writer.query('SELECT pg_backend_pid() AS pid')
  assert.deepEqual(
    transactions.map(({ pid, state, application }) => ({ pid, state, application })),
    [{ pid: rows[0].pid, state: 'idle in transaction', application: 'a shop' }],
  )
  assert.doesNotMatch(JSON.stringify(transactions), /secret|INSERT/)
  await shop.writer.query('COMMIT')
  const { liveRelays } = await shop.why(uuid, 'lane-unowned')
  assert.equal(liveRelays, 0)
})

test('an open transaction that began after a uuid was made is not said to hold it', async () => {
  await using shop = await Shop.open()
  const old = uuidv7(Date.now() - HOUR_MS)
  await shop.writer.query('BEGIN')
  await shop.insert(uuidv7())
  assert.equal((await shop.why(old, 'not-found')).because, 'never-committed')
  await shop.writer.query('ROLLBACK')
})

test('a prepared transaction is named as such', async () => {
  await using server = await startPostgres({ settings: { max_prepared_transactions: 1 } })
  await using own = await createDatabase(server, 'why_prepared')
  await using shop = await Shop.open(own)
  const uuid = uuidv7()
  await shop.writer.query('BEGIN')
  await shop.insert(uuid)
  await shop.writer.query(`PREPARE TRANSACTION 'why-prepared'`)
  const { transactions } = await shop.why(uuid, 'invisible')
  assert.deepEqual(
    transactions.map(({ pid, state, application }) => ({ pid, state, application })),
    [{ pid: null, state: 'prepared', application: 'why-prepared' }],
  )
  await shop.writer.query(`ROLLBACK PREPARED 'why-prepared'`)
  assert.equal((await shop.why(uuid, 'not-found')).because, 'never-committed')
})

test('what was rolled back was never committed, and what is older than all that is kept may be forgotten', async () => {
  await using shop = await Shop.open()
  const undone = uuidv7()
  await shop.writer.query('BEGIN')
  await shop.insert(undone)
  await shop.writer.query('ROLLBACK')
  assert.equal((await shop.why(undone, 'not-found')).because, 'never-committed')
  const forgotten = uuidv7(Date.now() - HOUR_MS)
  await shop.insert(forgotten)
  await shop.insert(uuidv7())
  // As the cleaner does when the retention of a published event is over.
  await shop.writer.query(
    `WITH gone AS (DELETE FROM ${shop.schema}.events WHERE id <= (SELECT id FROM ${shop.schema}.events WHERE uuid = $1) RETURNING id)
    DELETE FROM ${shop.schema}.delivery d USING gone WHERE d.id = gone.id`,
    [forgotten],
  )
  assert.equal((await shop.why(forgotten, 'not-found')).because, 'forgotten')
})

test('an owner whose lease ran out is expired, and a fenced one is fenced', async () => {
  await using shop = await Shop.open()
  const uuid = uuidv7()
  await shop.insert(uuid)
  const store = postgres({ url: database.url, schema: shop.schema })
  await using closing = new AsyncDisposableStack()
  closing.defer(async () => store.close())
  const session = closing.use(await store.openRelaySession())
  const id = randomUUID()
  await session.enroll({ id, fence: `fence-${id}`, protocol: 1, ttlMs: 1_000 })
  await session.tick(id, 1_000, ({ free }) => free)
  const { owner } = await eventually('its lease runs out', async () => {
    const explanation = await shop.bus.operations.why(uuid)
    return explanation.verdict === 'owner-expired' ? explanation : undefined
  })
  assert.equal(owner.id, id)
  assert.ok(owner.leaseMs < 0)
  await session.markFenced(id, { resigning: true })
  await shop.why(uuid, 'owner-fenced')
})

test('an operator without more rights than to read may ask', async () => {
  await using shop = await Shop.open()
  await shop.writer.query(rolesSql(shop.schema))
  await shop.writer.query('DROP ROLE IF EXISTS why_reader')
  await shop.writer.query(`CREATE ROLE why_reader LOGIN IN ROLE ${shop.schema}_operator`)
  const { host, port } = database.connection
  const url = `postgres://why_reader@${host}:${port}/${database.connection.database}`
  await using reading = new EventBus({ store: postgres({ url, schema: shop.schema }) })
  const uuid = uuidv7()
  await shop.insert(uuid)
  assert.equal((await reading.operations.why(uuid)).verdict, 'lane-unowned')
  assert.equal((await reading.operations.status()).healthy, false)
})

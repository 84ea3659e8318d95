import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { Client, Pool, type PoolClient } from 'pg'
import connectPostgresJs, { type Sql } from 'postgres'

import { StoreError } from '../../src/core/errors.ts'
import type { OutboxEvent, StoredEvent } from '../../src/core/event.ts'
import type { OutboxStore } from '../../src/core/outbox-store.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import { postgres, type PostgresTransaction } from '../../src/stores/postgres/index.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'

const ALL_LANES = Array.from({ length: 64 }, (_, lane) => lane)

describe('appending to PostgreSQL', () => {
  let database: TestDatabase
  let pool: Pool
  let sql: Sql
  let store: OutboxStore<PostgresTransaction>
  let schemas = 0

  before(async () => {
    database = await createDatabase(await sharedPostgres(), 'postgres_append')
    pool = new Pool(database.connection)
    sql = connectPostgresJs(database.connection)
  })
  after(async () => {
    await pool.end()
    await sql.end()
    await database.drop()
  })

  /** A store with tables of its own. */
  async function freshStore(through: Pool | Sql = pool): Promise<OutboxStore<PostgresTransaction>> {
    store = postgres({ pool: through, schema: `append ${++schemas}` })
    await store.migrate()
    return store
  }

  /** Runs `work` in a transaction of pg and commits. */
  async function inTransaction(work: (client: PoolClient) => Promise<unknown>): Promise<void> {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await work(client)
      await client.query('COMMIT')
    } finally {
      client.release()
    }
  }

  /** Gives the client back also where `work` fails, so that the pool can end. */
  async function withClient(work: (client: PoolClient) => Promise<unknown>): Promise<void> {
    const client = await pool.connect()
    let failed = true
    try {
      await work(client)
      failed = false
    } finally {
      client.release(failed)
    }
  }

  /** Everything that can be seen, by a session of its own. */
  async function fetchAll(): Promise<readonly StoredEvent[]> {
    await using session = await store.openRelaySession()
    const { events } = await session.fetch({
      lanes: ALL_LANES,
      inHand: [],
      maxEvents: 10_000,
      maxBytes: 2 ** 30,
      fromStart: true,
    })
    return events
  }

  function schema(): string {
    return `"${store.outbox}"`
  }

  const drivers = {
    pg: async (events: readonly OutboxEvent[]): Promise<void> => {
      await freshStore(pool)
      await inTransaction((client) => store.append(client, events))
    },
    'Postgres.js': async (events: readonly OutboxEvent[]): Promise<void> => {
      await freshStore(sql)
      await sql.begin((tx) => store.append(tx, events))
    },
  }
  for (const [driver, send] of Object.entries(drivers)) {
    it(`gives back by ${driver}, byte for byte, what was sent together`, async () => {
      const sent = awkwardEvents()
      await send(sent)
      assert.deepEqual((await fetchAll()).map(withoutPlace), sent.map(withoutPlace))
    })

    it(`gives back by ${driver}, byte for byte, what was sent one by one`, async () => {
      for (const event of awkwardEvents()) {
        await send([event])
        assert.deepEqual((await fetchAll()).map(withoutPlace), [withoutPlace(event)])
      }
    })
  }

  it('stores thousands of events of one call in their order', async () => {
    await freshStore()
    const sent = Array.from({ length: 2_500 }, (_, n) => anEvent({ key: `k${n}` }))
    await inTransaction((client) => store.append(client, sent))
    assert.deepEqual(
      (await fetchAll()).map(({ key }) => key),
      sent.map(({ key }) => key),
    )
  })

  it('stores a uuid that was given twice as two events', async () => {
    await freshStore()
    const uuid = uuidv7()
    const twice = [anEvent({ uuid, key: 'a' }), anEvent({ uuid: uuid.toUpperCase(), key: 'b' })]
    await inTransaction((client) => store.append(client, twice))
    assert.deepEqual(
      (await fetchAll()).map(({ key }) => key),
      ['a', 'b'],
    )
  })

  it('puts all events of a key into one lane, whichever way they were stored', async () => {
    await freshStore()
    await inTransaction(async (client) => {
      await store.append(client, [anEvent({ key: 'k' })])
      await store.append(client, [anEvent({ key: 'k' }), anEvent({ key: 'k' })])
      await client.query(`INSERT INTO ${schema()}.events (topic, key) VALUES ('t', 'k')`)
    })
    const lanes = (await fetchAll()).map(({ lane }) => lane)
    assert.equal(lanes.length, 4)
    assert.equal(new Set(lanes).size, 1)
  })

  it('delivers what plain SQL and COPY insert', async () => {
    await freshStore()
    await pool.query(`INSERT INTO ${schema()}.events (topic, key, headers, payload)
      VALUES ('t', 'k', '{"a": "b", "n": 1}', 'hello'), ('t', NULL, NULL, NULL)`)
    const [first, second] = await fetchAll()
    assert.equal(first?.payload?.toString(), 'hello')
    assert.deepEqual(first.headers, [
      ['a', 'b'],
      ['n', '1'],
    ])
    assert.match(first.uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    assert.equal(second?.key, null)
    assert.equal(second.payload, null)

    await pool.query(`COPY ${schema()}.events (topic, key) FROM PROGRAM 'echo "t,copied"' CSV`)
    assert.equal((await fetchAll()).at(-1)?.key, 'copied')
  })

  it('refuses an id that a writer gives', async () => {
    await freshStore()
    const insert = pool.query(`INSERT INTO ${schema()}.events (id, topic) VALUES (5, 't')`)
    await assert.rejects(insert, { code: '428C9' })
  })

  it('stores nothing of a transaction, or of a savepoint, that is rolled back', async () => {
    await freshStore()
    await inTransaction(async (client) => {
      await store.append(client, [anEvent({ key: 'kept' })])
      await client.query('SAVEPOINT s')
      await store.append(client, [anEvent({ key: 'gone' })])
      await client.query('ROLLBACK TO SAVEPOINT s')
    })
    const client = await pool.connect()
    await client.query('BEGIN')
    await store.append(client, [anEvent({ key: 'gone' })])
    await client.query('ROLLBACK')
    client.release()
    assert.deepEqual(
      (await fetchAll()).map(({ key }) => key),
      ['kept'],
    )
  })

  for (const count of [1, 2_500]) {
    for (const [end, stored] of Object.entries({ ROLLBACK: 0, COMMIT: count }))
      for (const [when, isBegun] of Object.entries({ answered: true, queued: false }))
        it(`stores ${stored} of ${count} events that ${end} does not wait for, with BEGIN ${when}`, async () => {
          await freshStore()
          await withClient(async (client) => {
            const begun = client.query('BEGIN')
            if (isBegun) await begun
            const sent = store.append(client, someEvents(count))
            await Promise.all([begun, client.query(end), sent])
          })
          assert.equal((await fetchAll()).length, stored)
        })

    it(`refuses ${count} events where a ROLLBACK or COMMIT is under way`, async () => {
      await freshStore()
      await withClient(async (client) => {
        for (const end of ['ROLLBACK', 'COMMIT']) {
          await client.query('BEGIN')
          const ended = client.query(end)
          const sent = store.append(client, someEvents(count))
          await assert.rejects(sent, { code: 'ONCOMMIT_TRANSACTION', message: /BEGIN/ })
          await ended
        }
      })
      assert.equal((await fetchAll()).length, 0)
    })

    it(`has ${count} events on their way by Postgres.js before what the caller runs next`, async () => {
      await freshStore(sql)
      const seen = await sql.begin(async (tx) => {
        const sent = store.append(tx, someEvents(count))
        const rows = tx.unsafe(`SELECT count(*)::int AS n FROM ${schema()}.events`).execute()
        await sent
        return (await rows)[0]?.['n'] as number
      })
      assert.equal(seen, count)
      const rolledBack = sql.begin(async (tx) => {
        void store.append(tx, someEvents(count))
        throw new Error('no')
      })
      await assert.rejects(rolledBack, { message: 'no' })
      await sql.begin(async (tx) => {
        void store.append(tx, someEvents(count))
      })
      assert.equal((await fetchAll()).length, 2 * count)
    })
  }

  it('runs one statement for a send, one after the other or side by side', async (context) => {
    await freshStore()
    await withClient(async (client) => {
      const { mock: query } = context.mock.method(client, 'query')
      await client.query('BEGIN')
      await store.append(client, someEvents(1))
      await store.append(client, someEvents(1_000))
      assert.equal(query.callCount(), 3)
      await Promise.all([1, 2, 3].map(() => store.append(client, someEvents(1))))
      assert.equal(query.callCount(), 6)
      await client.query('COMMIT')
    })
    assert.equal((await fetchAll()).length, 1_004)
  })

  it('leaves nothing behind in the session of a guarded send', async () => {
    await freshStore()
    await withClient(async (client) => {
      const begun = client.query('BEGIN')
      await store.append(client, someEvents(1))
      await begun
      await client.query('COMMIT')
      await assert.rejects(store.append(client, someEvents(1)), { code: 'ONCOMMIT_TRANSACTION' })
      const setting = "SELECT current_setting('oncommit.transaction', true) AS value"
      assert.equal((await client.query<{ value: string }>(setting)).rows[0]?.value || null, null)
    })
    assert.equal((await fetchAll()).length, 1)
  })

  it('takes a pg client that can not tell its status, without a guard', async () => {
    await freshStore()
    await withClient(async (client) => {
      const old: PostgresTransaction = { query: (query) => client.query(query) }
      await client.query('BEGIN')
      const sent = store.append(old, someEvents(1))
      await client.query('ROLLBACK')
      await sent
    })
    assert.equal((await fetchAll()).length, 0)
  })

  it('fails the transaction when an event can not be stored', async () => {
    await freshStore()
    const client = await pool.connect()
    await client.query('BEGIN')
    await store.append(client, [anEvent({})])
    const failed = store.append(client, [anEvent({ key: 'a\0b' })])
    await assert.rejects(failed, (error: StoreError) => {
      assert.ok(error instanceof StoreError)
      assert.equal((error.cause as { code?: string }).code, '22021')
      return true
    })
    assert.equal((await client.query('COMMIT')).command, 'ROLLBACK')
    client.release()
    assert.deepEqual(await fetchAll(), [])
  })

  it('says that the transaction has failed before', async () => {
    await freshStore()
    await withClient(async (client) => {
      await client.query('BEGIN')
      await assert.rejects(client.query('SELECT 1/0'))
      const says = { code: 'ONCOMMIT_STORE', message: /failed before.*look for the first error/ }
      await assert.rejects(store.append(client, [anEvent({})]), says)
      await client.query('ROLLBACK')
    })
  })

  it('says what makes the tables where they are missing', async () => {
    const missing = postgres({ pool, schema: 'never made' })
    const says = {
      code: 'ONCOMMIT_STORE',
      message: /tables are missing: npx oncommit migrate --schema 'never made'/,
    }
    await withClient(async (client) => {
      await client.query('BEGIN')
      await assert.rejects(missing.append(client, [anEvent({})]), says)
      await client.query('ROLLBACK')
    })
    const failures: unknown[] = []
    const keep = (error: unknown): unknown => failures.push(error)
    await assert.rejects(sql.begin((tx) => missing.append(tx, [anEvent({})]).catch(keep)))
    assert.match((failures[0] as StoreError).message, says.message)
  })

  it('stores all or nothing when the connection is killed during COMMIT', async () => {
    await freshStore()
    for (let n = 0; n < 10; n++) {
      const client = new Client(database.connection)
      client.on('error', () => {})
      await client.connect()
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      await client.query('BEGIN')
      await store.append(client, [anEvent({ key: `a${n}` }), anEvent({ key: `b${n}` })])
      const committed = client.query('COMMIT').then(
        () => true,
        () => false,
      )
      await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
      const wasCommitted = await committed
      await client.end().catch(() => {})
      const keys = (await fetchAll()).map(({ key }) => key).filter((key) => key?.endsWith(`${n}`))
      assert.ok(keys.length === 2 || (keys.length === 0 && !wasCommitted), keys.join())
    }
  })

  const wrong: Record<string, { give: () => unknown; says: RegExp }> = {
    'a pg Pool': { give: () => pool, says: /got a pg Pool.*pool\.connect\(\)/ },
    'the sql of Postgres.js': { give: () => sql, says: /got the sql of Postgres\.js.*sql\.begin/ },
    nothing: { give: () => undefined, says: /got undefined/ },
    'an object': { give: () => ({}), says: /got an object/ },
  }
  for (const [what, { give, says }] of Object.entries(wrong)) {
    it(`refuses ${what} in place of a transaction`, async () => {
      await freshStore()
      const sent = store.append(give() as PostgresTransaction, [anEvent({})])
      await assert.rejects(sent, { code: 'ONCOMMIT_TRANSACTION', message: says })
      assert.deepEqual(await fetchAll(), [])
    })
  }

  it('refuses a pg client outside of a transaction', async () => {
    await freshStore()
    const client = await pool.connect()
    await client.query('SELECT 1')
    const sent = store.append(client, [anEvent({})])
    await assert.rejects(sent, { code: 'ONCOMMIT_TRANSACTION', message: /BEGIN/ })
    await client.query('BEGIN')
    await store.append(client, [anEvent({})])
    await client.query('COMMIT')
    client.release()
    assert.equal((await fetchAll()).length, 1)
  })

  it('refuses a reserved connection of Postgres.js', async () => {
    await freshStore()
    const reserved = await sql.reserve()
    const sent = store.append(reserved as unknown as PostgresTransaction, [anEvent({})])
    await assert.rejects(sent, { code: 'ONCOMMIT_TRANSACTION', message: /reserved/ })
    reserved.release()
  })

  it('keeps two outboxes of a database apart', async () => {
    const one = await freshStore()
    await inTransaction((client) => one.append(client, [anEvent({ key: 'one' })]))
    const two = await freshStore()
    await inTransaction((client) => two.append(client, [anEvent({ key: 'two' })]))
    assert.deepEqual(
      (await fetchAll()).map(({ key }) => key),
      ['two'],
    )
    store = one
    assert.deepEqual(
      (await fetchAll()).map(({ key }) => key),
      ['one'],
    )
  })
})

function someEvents(count: number): OutboxEvent[] {
  return Array.from({ length: count }, (_, n) => anEvent({ key: `k${n}` }))
}

function anEvent(changes: Partial<OutboxEvent>): OutboxEvent {
  return {
    uuid: uuidv7(),
    timestamp: new Date(),
    topic: 'orders',
    key: null,
    msgType: 'OrderPlaced',
    mimeType: 'text/plain',
    headers: [],
    payload: Buffer.from('payload'),
    ...changes,
  }
}

/** What may be bent on its way. */
function awkwardEvents(): OutboxEvent[] {
  return [
    anEvent({ payload: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)) }),
    anEvent({ payload: Buffer.from('ff00fe80c3285c7827', 'hex') }),
    anEvent({ payload: Buffer.alloc(0), key: '' }),
    anEvent({ payload: null, key: 'ключ ❤️ "\\ {,} NULL' }),
    anEvent({ payload: new Uint8Array(Buffer.from('xyz')).subarray(1) }),
    anEvent({ payload: Buffer.alloc(900 * 1024, 0xa5), key: 'k'.repeat(5_000) }),
    anEvent({ timestamp: new Date(0), msgType: '', mimeType: '' }),
    anEvent({ timestamp: new Date('9999-12-31T23:59:59.999Z') }),
    anEvent({
      headers: [
        ['b', '1'],
        ['a', '2'],
        ['b', Buffer.from([0, 255])],
        ['', ''],
        ['ü', '\\"\u2028'],
        ['null', 'NULL'],
      ],
    }),
  ]
}

function withoutPlace(event: OutboxEvent): OutboxEvent {
  const { uuid, timestamp, topic, key, msgType, mimeType, headers, payload } = event
  const bytes = payload === null ? null : Buffer.from(payload)
  return { uuid, timestamp, topic, key, msgType, mimeType, headers, payload: bytes }
}

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'

import { Pool } from 'pg'
import connectPostgresJs, { type Sql } from 'postgres'

import { toRanges } from '../../src/core/id-ranges.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { createDatabase, type Server, startPostgres, type TestDatabase } from '../servers/index.ts'
import {
  ALL_LANES,
  idsOf,
  recovers,
  SessionFixture,
  TTL_MS,
  until,
} from './postgres/session-fixture.ts'

describe('a relay session on PostgreSQL', () => {
  let server: Server
  let database: TestDatabase
  let pool: Pool
  let sql: Sql

  before(async () => {
    // A server of its own: it is stopped, frozen and restarted.
    server = await startPostgres()
    database = await createDatabase(server, 'postgres_relay_session')
    pool = new Pool(database.connection)
    pool.on('error', () => {})
    sql = connectPostgresJs({ ...database.connection, onnotice: () => {} })
  })
  after(async () => {
    await pool.end()
    await sql.end()
    await server[Symbol.asyncDispose]()
  })

  const drivers = { pg: () => pool, 'Postgres.js': () => sql }
  for (const [driver, given] of Object.entries(drivers)) {
    describe(`by ${driver}`, () => {
      let fixture: SessionFixture

      beforeEach(async () => {
        fixture = await SessionFixture.open(pool, given())
      })
      afterEach(async () => {
        await fixture[Symbol.asyncDispose]()
      })

      it('fetches up to a number of events, and says that there may be more', async () => {
        await fixture.insert(5)
        const first = await fixture.fetch({ maxEvents: 3 })
        assert.equal(first.full, true)
        assert.deepEqual(await idsOf(fixture.fetch({ inHand: [[1n, 3n]] })), [4, 5])
        assert.equal((await fixture.fetch({ inHand: [[1n, 5n]] })).full, false)
      })

      it('fetches up to a number of bytes, and one event at least', async () => {
        await fixture.insert(5)
        const two = await fixture.fetch({ maxBytes: 22 })
        assert.deepEqual([two.events.length, two.full], [2, true])
        const one = await fixture.fetch({ inHand: [[1n, 2n]], maxBytes: 1 })
        assert.deepEqual([one.events.map(({ id }) => id), one.full], [[3n], true])
      })

      it('fetches what commits late, although younger events were fetched', async () => {
        const late = await pool.connect()
        await late.query('BEGIN')
        await late.query(`INSERT INTO ${fixture.schema}.events (topic, key) VALUES ('t', 'late')`)
        await fixture.insert(3)
        assert.deepEqual(await idsOf(fixture.fetch()), [2, 3, 4])
        const inHand = [[2n, 4n]] as const
        for (let n = 0; n < 5; n++) assert.deepEqual(await idsOf(fixture.fetch({ inHand })), [])
        await late.query('COMMIT')
        late.release()
        await fixture.insert(1)
        assert.deepEqual(await idsOf(fixture.fetch({ inHand })), [1, 5])
      })

      it('fetches only the lanes that it is told, and gained ones from the first id on', async () => {
        await fixture.insert(2, 'a')
        await fixture.insert(2, 'b')
        const all = await fixture.fetch()
        const laneOfA = all.events[0]?.lane ?? 0
        fixture.session.forgetPosition()
        const others = ALL_LANES.filter((lane) => lane !== laneOfA)
        assert.deepEqual(await idsOf(fixture.fetch({ lanes: others })), [3, 4])
        const inHand = [[3n, 4n]] as const
        assert.deepEqual(await idsOf(fixture.fetch({ inHand, fromStart: true })), [1, 2])
      })

      it('passes by what someone has deleted from the ledger', async () => {
        await fixture.insert(4)
        await pool.query(`DELETE FROM ${fixture.schema}.events WHERE id IN (1, 2, 4)`)
        const batch = await fixture.fetch({ maxEvents: 2 })
        assert.deepEqual([batch.events.length, batch.full], [0, true])
        const found: number[] = []
        await until(async () => {
          found.push(...(await idsOf(fixture.fetch({ maxEvents: 2 }))))
          return found.length > 0
        })
        assert.deepEqual(found, [3])
      })

      it('works again after its connections were cut, and looks from the first id on', async () => {
        await fixture.insert(2)
        const relayId = await fixture.takeAll()
        assert.deepEqual(await idsOf(fixture.fetch()), [1, 2])
        assert.deepEqual(await idsOf(fixture.fetch({ inHand: [[1n, 2n]] })), [])
        await cutAll()
        await recovers(() => fixture.session.tick(relayId, TTL_MS, () => []))
        await recovers(() => fixture.fetch())
        fixture.session.forgetPosition()
        assert.deepEqual(await idsOf(fixture.fetch()), [1, 2])
        assert.equal(
          await fixture.session.settle({ relayId, number: 1, ids: [[1n, 2n]], acks: [] }),
          true,
        )
      })

      it('says that the database failed, with its error', async () => {
        await pool.query(`ALTER TABLE ${fixture.schema}.delivery RENAME TO gone`)
        await assert.rejects(
          fixture.fetch(),
          (error: { code: string; cause: { code: string } }) => {
            assert.deepEqual([error.code, error.cause.code], ['ONCOMMIT_STORE', '42P01'])
            return true
          },
        )
        await pool.query(`ALTER TABLE ${fixture.schema}.gone RENAME TO delivery`)
        await fixture.insert(1)
        assert.deepEqual(await idsOf(fixture.fetch()), [1])
      })

      it('gives up a statement that takes too long', async () => {
        const client = await pool.connect()
        await client.query(`BEGIN; LOCK TABLE ${fixture.schema}.delivery IN ACCESS EXCLUSIVE MODE`)
        await assert.rejects(fixture.fetch(), { code: 'ONCOMMIT_STORE', message: /timeout/ })
        await client.query('ROLLBACK')
        client.release()
      })

      it('can not be used after it was disposed of', async () => {
        await fixture.fetch()
        await fixture.session[Symbol.asyncDispose]()
        await assert.rejects(fixture.fetch(), { code: 'ONCOMMIT_STOPPED' })
      })
    })
  }

  it('notices that the server was restarted behind a connection that goes on', async () => {
    const store = postgres({ pool: sql, schema: 'restarted' })
    await store.migrate()
    await using session = await store.openRelaySession()
    const all = { lanes: ALL_LANES, inHand: [], maxEvents: 10, maxBytes: 1_000, fromStart: false }
    await pool.query(`INSERT INTO restarted.events (topic) VALUES ('t'), ('t'), ('t')`)
    assert.equal((await session.fetch(all)).events.length, 3)
    await server.restart()
    await recovers(() => pool.query('SELECT 1'))
    const again = await recovers(() => session.fetch(all))
    assert.deepEqual(toRanges(again.events.map(({ id }) => id)), [[1n, 3n]])
  })

  it('gives up a server that has stopped answering', async () => {
    const store = postgres({ pool, schema: 'frozen', statementTimeoutMs: 500 })
    await postgres({ pool, schema: 'frozen' }).migrate()
    await using session = await store.openRelaySession()
    await session.blocked(ALL_LANES)
    await server.freeze()
    try {
      await assert.rejects(session.blocked(ALL_LANES), {
        code: 'ONCOMMIT_STORE',
        message: /no answer/,
      })
    } finally {
      await server.thaw()
    }
    await recovers(() => session.blocked(ALL_LANES))
  })

  async function cutAll(): Promise<void> {
    await pool.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    )
  }
})

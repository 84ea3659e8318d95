import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import type { PoolClient } from 'pg'
import type { TransactionSql } from 'postgres'

import { TransactionError } from '../../src/core/errors.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import { registerInboxContract } from '../../src/testing/index.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'
import { execute, PostgresInboxHarness } from './postgres/inbox-harness.ts'

let database: TestDatabase

before(async () => {
  database = await createDatabase(await sharedPostgres(), 'postgres_inbox')
})
after(async () => database.drop())

const DRIVERS = ['pg', 'Postgres.js'] as const

for (const driver of DRIVERS)
  registerInboxContract(`PostgreSQL through ${driver}`, () =>
    PostgresInboxHarness.open(database, driver),
  )

for (const driver of DRIVERS) {
  describe(`the inbox on PostgreSQL through ${driver}`, () => {
    const open = (): Promise<PostgresInboxHarness> => PostgresInboxHarness.open(database, driver)

    it('gives a StoreError where the connection is lost in the work, and handles it the next time', async () => {
      await using harness = await open()
      const uuid = uuidv7()
      const lost = harness.store.inbox?.once('g', [uuid], async (tx) => {
        await harness.add(tx, 1)
        await killBackend(harness)
        await harness.add(tx, 1)
      })
      await assert.rejects(lost ?? Promise.resolve(), { code: 'ONCOMMIT_STORE' })
      assert.equal(await harness.sum(), 0)
      const again = harness.store.inbox?.once('g', [uuid], async (tx) => harness.add(tx, 1))
      assert.equal((await again)?.size, 1)
      assert.equal(await harness.sum(), 1)
    })

    it('gives a StoreError where the connection is lost before the commit', async () => {
      await using harness = await open()
      const lost = harness.store.inbox?.once('g', [uuidv7()], async (tx) => {
        await harness.add(tx, 1)
        await killBackend(harness)
      })
      await assert.rejects(lost ?? Promise.resolve(), { code: 'ONCOMMIT_STORE' })
      assert.equal(await harness.sum(), 0)
    })

    it('rejects, and commits nothing, where a statement failed and work caught the error', async () => {
      await using harness = await open()
      const failed = harness.store.inbox?.once('g', [uuidv7()], async (tx) => {
        await harness.add(tx, 1)
        await execute(tx, 'SELECT 1 / 0').catch(() => {})
      })
      await assert.rejects(failed ?? Promise.resolve())
      assert.deepEqual([await harness.sum(), await harness.countNoted()], [0, 0])
    })
  })
}

describe('the transaction that a handler gets', () => {
  it("of pg is not for it to give back, and takes the driver's other ways to query", async () => {
    await using harness = await PostgresInboxHarness.open(database, 'pg')
    await harness.store.inbox?.once('g', [uuidv7()], async (tx) => {
      const client = tx as PoolClient
      assert.throws(() => client.release(), TransactionError)
      await assert.rejects(client.query({ text: 'COMMIT' }), TransactionError)
      await assert.rejects(client.query('ROLLBACK', []), TransactionError)
      assert.throws(() => client.query('COMMIT', () => {}), TransactionError)
      const called = Promise.withResolvers<unknown>()
      client.query('SELECT 7 AS n', (_, { rows }) => called.resolve(rows))
      assert.deepEqual(await called.promise, [{ n: 7 }])
      await harness.add(tx, 1)
    })
    assert.equal(await harness.sum(), 1)
  })

  it('of Postgres.js is not for it to end by a template, in a savepoint, or in two phases', async () => {
    await using harness = await PostgresInboxHarness.open(database, 'Postgres.js')
    let kept: TransactionSql | undefined
    await harness.store.inbox?.once('g', [uuidv7()], async (tx) => {
      const sql = tx as TransactionSql
      assert.throws(() => sql`COMMIT`, TransactionError)
      assert.throws(() => sql.prepare('later'), TransactionError)
      await sql.savepoint(async (inner) => {
        kept = inner
        assert.throws(() => inner`rollback`, TransactionError)
        await inner`INSERT INTO ${inner(harness.schema)}.business VALUES (${7})`
      })
      const [row] = await sql`SELECT ${'commit'} AS word`
      assert.equal(row?.['word'], 'commit')
    })
    assert.throws(() => kept?.unsafe('SELECT 1'), TransactionError)
    assert.equal(await harness.sum(), 7)
  })
})

async function killBackend(harness: PostgresInboxHarness): Promise<void> {
  await harness.pool.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
     WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()`,
  )
}

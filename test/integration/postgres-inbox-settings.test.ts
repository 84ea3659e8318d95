import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { uuidv7 } from '../../src/core/uuid.ts'
import { registerInboxContract } from '../../src/testing/index.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'
import { execute, PostgresInboxHarness } from './postgres/inbox-harness.ts'
import { startPgbouncer } from './postgres/pgbouncer.ts'

const DRIVERS = ['pg', 'Postgres.js'] as const

for (const isolation of ['repeatable read', 'serializable'] as const) {
  describe(`a database whose transactions are ${isolation}`, () => {
    let database: TestDatabase
    before(async () => {
      const name = `postgres_inbox_${isolation.replace(' ', '_')}`
      database = await createDatabase(await sharedPostgres(), name)
      await using harness = await PostgresInboxHarness.open(database, 'pg')
      await harness.pool.query(
        `ALTER DATABASE ${name} SET default_transaction_isolation = '${isolation}'`,
      )
    })
    after(async () => database.drop())

    for (const driver of DRIVERS) {
      registerInboxContract(`${isolation} through ${driver}`, () =>
        PostgresInboxHarness.open(database, driver),
      )

      it(`has the effects once where others were in the way, through ${driver}`, async () => {
        await using harness = await PostgresInboxHarness.open(database, driver)
        const work = await contested(harness, 3)
        const event = uuidv7()
        const fresh = await harness.store.inbox?.once('g', [event], work.run)
        assert.deepEqual([fresh?.size, work.runs()], [1, 3])
        assert.deepEqual([await harness.sum(), await harness.countNoted()], [1, 1])
      })

      it(`gives up with a StoreError where others are always in the way, through ${driver}`, async () => {
        await using harness = await PostgresInboxHarness.open(database, driver)
        const event = uuidv7()
        const work = await contested(harness, Infinity)
        const failing = harness.store.inbox?.once('g', [event], work.run)
        const error = await failing?.catch((thrown: unknown) => thrown)
        assert.ok(error instanceof Error)
        assert.deepEqual(
          [(error as Error & { code?: string }).code, (error.cause as { code?: string }).code],
          ['ONCOMMIT_STORE', '40001'],
        )
        assert.match(
          error.message,
          /another transaction was in the way 6 times: could not serialize/,
        )
        assert.deepEqual([work.runs(), await harness.sum(), await harness.countNoted()], [6, 0, 0])
        const again = await contested(harness, 0)
        await harness.store.inbox?.once('g', [event], again.run)
        assert.equal(await harness.sum(), 1)
      })
    }
  })
}

describe('behind pgbouncer in transaction mode', () => {
  let database: TestDatabase
  let pooler: Awaited<ReturnType<typeof startPgbouncer>>
  before(async () => {
    const server = await sharedPostgres()
    database = await createDatabase(server, 'postgres_inbox_pooler')
    pooler = await startPgbouncer(server)
  })
  after(async () => {
    await pooler[Symbol.asyncDispose]()
    await database.drop()
  })

  for (const driver of DRIVERS)
    registerInboxContract(`pgbouncer through ${driver}`, () =>
      PostgresInboxHarness.open(database, driver, { port: pooler.port }),
    )
})

/** Work that changes a row which, the first times, another transaction changes between its look and its change. */
async function contested(
  harness: PostgresInboxHarness,
  succeedsAt: number,
): Promise<{ run: (tx: unknown) => Promise<void>; runs: () => number }> {
  const table = `${harness.schema}.stock`
  await harness.pool.query(
    `CREATE TABLE IF NOT EXISTS ${table} (left_over int); INSERT INTO ${table} VALUES (1000)`,
  )
  let runs = 0
  return {
    runs: () => runs,
    run: async (tx) => {
      runs += 1
      await harness.add(tx, 1)
      await execute(tx, `SELECT left_over FROM ${table}`)
      if (runs < succeedsAt)
        await harness.pool.query(`UPDATE ${table} SET left_over = left_over - 1`)
      await execute(tx, `UPDATE ${table} SET left_over = left_over - 1`)
    },
  }
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'

import { Pool } from 'pg'
import connectPostgresJs from 'postgres'

import type { OutboxStore } from '../../src/core/outbox-store.ts'
import { postgres, type PostgresTransaction } from '../../src/stores/postgres/index.ts'
import { OrderLedger } from '../order/order-ledger.ts'
import { runRelay } from '../order/relays.ts'
import { runWriters } from '../order/writers.ts'
import { createDatabase, sharedPostgres } from '../servers/index.ts'
import { startPgbouncer } from './postgres/pgbouncer.ts'

const EVENTS = 3_000

describe('behind pgbouncer in transaction mode', () => {
  for (const driver of ['pg', 'Postgres.js'] as const) {
    it(`keeps all promises through ${driver}`, async () => {
      const server = await sharedPostgres()
      await using database = await createDatabase(server, 'postgres_pooler')
      await using pooler = await startPgbouncer(server)
      const connection = { ...database.connection, port: pooler.port }
      const pool = new Pool({ ...connection, max: 8 })
      const sql = connectPostgresJs({ ...connection, prepare: false })
      const store = postgres({ pool: driver === 'pg' ? pool : sql, pooler: true })
      await store.migrate()
      await store.check()
      await publishAll(store, pool)
      await store.close()
      await pool.end()
      await sql.end()
    })
  }
})

/** Writers and two relays, one of which vanishes. */
async function publishAll(store: OutboxStore<PostgresTransaction>, pool: Pool): Promise<void> {
  const ledger = new OrderLedger()
  const quick = { writers: 4, mostEvents: 20, twoStatements: 0.3, heldOpen: 0.01 }
  const load = { ...quick, rolledBack: 0.1, savepoint: 0.1, prepared: 0 }
  const deadline = performance.now() + 30_000
  const goesOn = (): boolean => ledger.committed < EVENTS && performance.now() < deadline
  const [first, second] = [new AbortController(), new AbortController()]
  const relaying = Promise.all([
    runRelay(store, ledger, first.signal, 'vanishes'),
    runRelay(store, ledger, second.signal, 'hands over'),
  ])
  await runWriters({ pool, store, ledger, load, goesOn })
  first.abort()
  while (ledger.published < ledger.committed && performance.now() < deadline) await setTimeout(20)
  second.abort()
  await relaying
  const { committed, example: _, ...report } = ledger.report()
  const none = { inversions: 0, lost: 0, duplicates: 0, ghosts: 0 }
  assert.deepEqual(report, { published: committed, ...none })
}

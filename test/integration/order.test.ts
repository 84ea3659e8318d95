import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'

import { Client, Pool } from 'pg'

import type { OutboxStore } from '../../src/core/outbox-store.ts'
import { postgres, type PostgresTransaction } from '../../src/stores/postgres/index.ts'
import { OrderLedger, type OrderReport } from '../order/order-ledger.ts'
import { type Ending, runRelay } from '../order/relays.ts'
import {
  boundedScheme,
  checkBackwards,
  cursorScheme,
  fetchFirstScheme,
  horizonScheme,
  Reader,
  type Scheme,
} from '../order/schemes.ts'
import { type Load, runWriters } from '../order/writers.ts'
import { createDatabase, type Server, startPostgres, type TestDatabase } from '../servers/index.ts'

const EVENTS = 100_000
const MOST_MS = 80_000

/** Many events at once, so that 100,000 take seconds. */
const large: Load = {
  writers: 24,
  mostEvents: 60,
  twoStatements: 0.2,
  heldOpen: 0.02,
  rolledBack: 0.05,
  savepoint: 0.1,
  prepared: 0.03,
}

/** Few events and much trouble, so that a wrong rule is caught soon. */
const troubled: Load = {
  writers: 24,
  mostEvents: 2,
  twoStatements: 0.2,
  heldOpen: 0.08,
  rolledBack: 0.05,
  savepoint: 0.05,
  prepared: 0.05,
}
const VARIANT_MS = 20_000
const CONTROL_MS = 8_000

describe('order on PostgreSQL', () => {
  let server: Server
  let database: TestDatabase
  let pool: Pool

  before(async () => {
    server = await startPostgres({ settings: { max_prepared_transactions: 100 } })
    database = await createDatabase(server, 'order_test')
    pool = new Pool({ ...database.connection, max: 32 })
  })
  after(async () => {
    await pool.end()
    await server[Symbol.asyncDispose]()
  })

  it('publishes 100,000 events in order, each once, while relays come and go', async (t) => {
    const store = await openStore(pool, 'order_whole')
    const ledger = new OrderLedger()
    const deadline = performance.now() + MOST_MS
    const goesOn = (): boolean =>
      ledger.committed < EVENTS && !ledger.isViolated && performance.now() < deadline
    const writing = runWriters({ pool, store, ledger, load: large, goesOn })
    let written = false
    const allPublished = (): boolean => written && ledger.published >= ledger.committed
    const relaying = Promise.all([0, 1, 2].map((n) => keepRelays(n, store, ledger, allPublished)))
    await writing
    written = true
    await relaying
    const report = ledger.report()
    t.diagnostic(JSON.stringify(report))
    assert.ok(report.committed >= EVENTS, `only ${report.committed} events were written in time`)
    assertInOrder(report)

    /** One relay after the other, the last of which stays until all is published. */
    async function keepRelays(
      place: number,
      relayed: OutboxStore,
      into: OrderLedger,
      isDone: () => boolean,
    ): Promise<void> {
      const endings: readonly Ending[] = ['hands over', 'vanishes']
      for (let n = place; !isDone() && performance.now() < deadline + 10_000; n++) {
        const stop = new AbortController()
        const life = setTimeout(600 + Math.random() * 1_500).then(() => stop.abort())
        await runRelay(relayed, into, stop.signal, endings[n % 2] ?? 'vanishes')
        await life
      }
    }
  })

  it('keeps order with the checks spread out in time', async (t) => {
    const report = await runScheme(pool, database, 'order_exact', horizonScheme(), CONTROL_MS)
    t.diagnostic(JSON.stringify(report))
    assert.ok(report.committed > 500)
    assertInOrder(report)
  })

  const broken: Record<string, () => Scheme> = {
    'a cursor with a sweep': () => cursorScheme(250),
    'READ COMMITTED and no limbo': () =>
      horizonScheme({ isolation: 'READ COMMITTED', limbo: false }),
    'fetch, then check, then merge': fetchFirstScheme,
    'a fetch bounded by what was assigned': boundedScheme,
    'READ COMMITTED': () => horizonScheme({ isolation: 'READ COMMITTED' }),
    'no limbo': () => horizonScheme({ limbo: false }),
    'no rule for PREPARE': () => horizonScheme({ followsPrepared: false }),
    'holders read before the sequence': () => horizonScheme({ check: checkBackwards }),
  }
  for (const [name, scheme] of Object.entries(broken)) {
    it(`notices what is wrong with: ${name}`, async (t) => {
      const schema = `order_${name.replaceAll(/\W/g, '_').toLowerCase()}`
      const report = await runScheme(pool, database, schema, scheme(), VARIANT_MS)
      t.diagnostic(JSON.stringify(report))
      assert.ok(report.inversions + report.lost > 0, 'the order test can not see this fault')
    })
  }

  it('notices a sequence with a cache', async (t) => {
    const store = await openStore(pool, 'order_cache')
    await pool.query('ALTER TABLE order_cache.events ALTER id SET CACHE 32')
    await assert.rejects(store.check(), { code: 'ONCOMMIT_UNSAFE_STORE' })
    const scheme = horizonScheme()
    const report = await runScheme(pool, database, 'order_cache', scheme, VARIANT_MS)
    t.diagnostic(JSON.stringify(report))
    assert.ok(report.inversions > 0, 'the order test can not see this fault')
  })
})

async function openStore(pool: Pool, schema: string): Promise<OutboxStore<PostgresTransaction>> {
  const store = postgres({ pool, schema })
  await store.migrate()
  return store
}

/** Runs one scheme under load until it has failed, or for so long. */
async function runScheme(
  pool: Pool,
  database: TestDatabase,
  schema: string,
  scheme: Scheme,
  mostMs: number,
): Promise<OrderReport> {
  const store = await openStore(pool, schema)
  const ledger = new OrderLedger()
  const deadline = performance.now() + mostMs
  const client = new Client(database.connection)
  await client.connect()
  const reader = new Reader(client, schema)
  const goesOn = (): boolean => !ledger.isViolated && performance.now() < deadline
  let written = false
  const writing = runWriters({ pool, store, ledger, load: troubled, goesOn }).then(() => {
    written = true
  })
  // What was not found in three looks at what nobody writes to any more is lost.
  for (let empty = 0; empty < 3;) {
    const fetched = await scheme(reader)
    for (const { uuid } of fetched.events) ledger.publish(uuid)
    await reader.settle(fetched)
    empty = written && fetched.events.length === 0 ? empty + 1 : 0
  }
  await writing
  await client.end()
  return ledger.report()
}

function assertInOrder(report: OrderReport): void {
  const { inversions, lost, duplicates, ghosts } = report
  const wrong = { inversions, lost, duplicates, ghosts }
  const none = { inversions: 0, lost: 0, duplicates: 0, ghosts: 0 }
  assert.deepEqual(wrong, none, `${JSON.stringify(wrong)} ${report.example ?? ''}`)
}

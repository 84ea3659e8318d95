import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { Client } from 'pg'

import { fetchHeldSql, fetchSql, planSafeSettings } from '../../src/stores/postgres/fetch.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'

const SCHEMA = '"plans"'
const LANES = Array.from({ length: 64 }, (_, lane) => lane)
/** What a good plan needs; another is by statistics. */
const GOOD = new Set([
  'Nested Loop',
  'Subquery Scan',
  'WindowAgg',
  'Limit',
  'Index Scan',
  'Index Only Scan',
  'Function Scan',
  'Incremental Sort',
])

interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly Plans?: readonly Plan[]
}

describe('plans on PostgreSQL', () => {
  let database: TestDatabase
  let client: Client

  before(async () => {
    database = await createDatabase(await sharedPostgres(), 'postgres_plans')
    const store = postgres({ url: database.url, schema: 'plans' })
    await store.migrate()
    await store.close()
    client = new Client(database.connection)
    await client.connect()
  })
  after(async () => {
    await client.end()
    await database.drop()
  })

  const states = {
    'empty and vacuumed tables': 'VACUUM ANALYZE',
    'full tables': `INSERT INTO plans.events (topic, key, payload) SELECT 't', i::text, '' FROM generate_series(1, 20000) i;
      INSERT INTO plans.held SELECT 1, id, lane, size FROM plans.delivery WHERE id % 10 = 0; ANALYZE`,
    'full tables with the statistics of empty ones': `TRUNCATE plans.events, plans.delivery, plans.held; ANALYZE;
      INSERT INTO plans.events (topic, key, payload) SELECT 't', i::text, '' FROM generate_series(1, 20000) i;
      INSERT INTO plans.held SELECT 1, id, lane, size FROM plans.delivery WHERE id % 10 = 0`,
  }
  for (const [state, sql] of Object.entries(states)) {
    it(`are by the primary keys, on ${state}`, async () => {
      for (const statement of sql.split(';')) await client.query(statement)
      const limits = { inHand: [[5n, 9n]] as const, maxEvents: 1_000, maxBytes: 1_000_000 }
      const fetched = await planOf(fetchSql(SCHEMA, 3n, { lanes: LANES, ...limits }))
      assert.deepEqual(badNodes(fetched), [])
      const held = await planOf(fetchHeldSql(SCHEMA, { blockedIds: [1n, 2n], ...limits }))
      assert.deepEqual(
        badNodes(held).filter((node) => node !== 'Sort'),
        [],
      )
    })
  }

  it('would be by statistics without the settings', async () => {
    await client.query('TRUNCATE plans.events, plans.delivery')
    for (const table of ['events', 'delivery']) await client.query(`VACUUM ANALYZE plans.${table}`)
    const query = fetchSql(SCHEMA, 3n, { lanes: LANES, inHand: [], maxEvents: 9, maxBytes: 9 })
    assert.notDeepEqual(badNodes(await explain(query)), [])
  })

  it('of settling and parking scan no table, whatever the statistics say', async () => {
    await client.query('TRUNCATE plans.events, plans.delivery, plans.held, plans.relays')
    for (const table of ['events', 'delivery', 'held', 'relays', 'receipts', 'blocked', 'lanes'])
      await client.query(`VACUUM ANALYZE plans.${table}`)
    await client.query(`LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;
      SET auto_explain.log_nested_statements = on; SET auto_explain.log_level = notice; SET plan_cache_mode = force_generic_plan`)
    const id = '00000000-0000-4000-8000-000000000001'
    await client.query(`INSERT INTO plans.relays VALUES ($1::uuid, $1::text, now(), NULL, 1)`, [id])
    await client.query(`UPDATE plans.lanes SET owner = $1`, [id])
    await client.query(
      `INSERT INTO plans.events (topic, key) SELECT 't', 'k' FROM generate_series(1, 10)`,
    )
    const plans: string[] = []
    client.on('notice', ({ message }) => plans.push(message ?? ''))
    const { rows } = await client.query<{ ids: string; lane: number }>(
      `SELECT array_agg(id)::text AS ids, min(lane) AS lane FROM plans.delivery`,
    )
    const ids = (rows[0]?.ids ?? '').slice(1, -1).split(',')
    const parked = [{ topic: 't', key: 'k', lane: rows[0]?.lane, error: 'e', ids: ids.slice(0, 5) }]
    await client.query('SELECT plans.park($1, $2)', [id, JSON.stringify(parked)])
    const all = `{[${ids[0]},${ids.at(-1)}]}`
    await client.query('SELECT plans.settle($1, 1, $2, $3)', [id, all, '[]'])
    const { rowCount } = await client.query('SELECT FROM plans.delivery')
    assert.equal(rowCount, 0)
    const seen = plans.filter((plan) => /park|settle/.test(plan) || plan.includes('Delete on'))
    assert.ok(
      seen.some((plan) => plan.includes('Delete on delivery')),
      seen.join('\n'),
    )
    for (const plan of seen) {
      assert.doesNotMatch(plan, /Seq Scan on (delivery|held|events|receipts|lanes|relays|blocked)/)
      assert.doesNotMatch(plan, /Hash Join|Merge Join/)
    }
  })

  /** Under the relay's settings. */
  async function planOf(query: string): Promise<Plan> {
    await client.query(
      `BEGIN; ${planSafeSettings(1_000)} SET LOCAL plan_cache_mode = force_generic_plan`,
    )
    try {
      return await explain(query)
    } finally {
      await client.query('ROLLBACK')
    }
  }

  async function explain(query: string): Promise<Plan> {
    const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(
      `EXPLAIN (FORMAT json) ${query}`,
    )
    const [top] = rows[0]?.['QUERY PLAN'] ?? []
    assert.ok(top)
    return top.Plan
  }
})

function badNodes(plan: Plan): string[] {
  const here = GOOD.has(plan['Node Type']) ? [] : [plan['Node Type']]
  return [...here, ...(plan.Plans ?? []).flatMap((below) => badNodes(below))]
}

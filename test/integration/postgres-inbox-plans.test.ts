import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { Client } from 'pg'

import { planSafeSettings } from '../../src/stores/postgres/fetch.ts'
import { cleanSql } from '../../src/stores/postgres/inbox-statements.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'

const RETENTION = "interval '7 days'"
const options = { retentionMs: 7 * 24 * 3_600_000, from: '0' }
const ROWS = 100_000
/** Of a chunk: each row is read by the index, locked, found by its place and deleted. */
const MOST_PAGES = 5_000

interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows': number
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
  readonly Plans?: readonly Plan[]
}

describe('the cleaning of an inbox of 100,000 events on PostgreSQL', () => {
  let database: TestDatabase
  let client: Client

  before(async () => {
    database = await createDatabase(await sharedPostgres(), 'postgres_inbox_plans')
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

  /** From `old` days ago to `young` days ago, in the order of time. */
  async function fill(old: number, young: number, count = ROWS): Promise<void> {
    await client.query(
      `INSERT INTO plans.inbox SELECT 'g', uuidv7(), now() - interval '1 day' * (${old} - ${old - young}::float8 * i / ${count}) FROM generate_series(1, ${count}) i`,
    )
  }

  const states: Record<string, () => Promise<void>> = {
    'most of it old': async () => fill(14, 6),
    'statistics of an empty table': async () => {
      await client.query('ANALYZE plans.inbox')
      await fill(14, 6)
    },
    // As after years: places of what is gone have been taken by what is new.
    'nothing old, after it was cleaned again and again': async () => {
      await fill(20, 10)
      for (const day of [14, 10]) {
        await client.query(
          `DELETE FROM plans.inbox WHERE handled_at < now() - interval '${day} days'`,
        )
        await client.query('VACUUM plans.inbox')
        await fill(6, 0, ROWS / 2)
      }
      await client.query(`DELETE FROM plans.inbox WHERE handled_at < now() - ${RETENTION}`)
      await client.query('VACUUM ANALYZE plans.inbox')
    },
  }
  for (const [state, make] of Object.entries(states)) {
    it(`reads a chunk of the table and no more, with ${state}`, async () => {
      await client.query('TRUNCATE plans.inbox')
      await make()
      const plan = await planOf(cleanSql('"plans"', options))
      const scans = nodes(plan).filter((node) => node['Relation Name'] === 'inbox')
      const found = scans.find((node) => node['Node Type'].startsWith('Index'))
      assert.equal(found?.['Index Name'], 'inbox_handled_at', JSON.stringify(plan, null, 1))
      assert.ok(found['Actual Rows'] <= 1_000)
      assert.ok(scans.every((node) => node['Node Type'] !== 'Seq Scan'))
      const pages = plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
      const most = state.startsWith('nothing') ? 20 : MOST_PAGES
      assert.ok(pages <= most, `${pages} pages`)
    })
  }

  async function planOf(query: string): Promise<Plan> {
    await client.query(`BEGIN; ${planSafeSettings(10_000)}`)
    try {
      const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(
        `EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ${query}`,
      )
      const [top] = rows[0]?.['QUERY PLAN'] ?? []
      assert.ok(top)
      return top.Plan
    } finally {
      await client.query('ROLLBACK')
    }
  }
})

function nodes(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap((below) => nodes(below))]
}

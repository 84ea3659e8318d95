import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { Client } from 'pg'

import { OptionError } from '../../src/core/errors.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { status as command } from '../../src/cli/commands/status.ts'
import type { StatusFlags } from '../../src/cli/commands/status.ts'
import { EventBus } from '../../src/index.ts'
import type { Status } from '../../src/index.ts'
import { local } from '../../src/brokers/local/index.ts'
import { planSafeSettings } from '../../src/stores/postgres/fetch.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import * as statements from '../../src/stores/postgres/status-statements.ts'
import { createDatabase, sharedPostgres } from '../servers/index.ts'
import type { TestDatabase } from '../servers/index.ts'
import { eventually } from '../relay/outbox-fixture.ts'
import { SessionFixture } from './sqlite/session-fixture.ts'

let database: TestDatabase
let client: Client

before(async () => {
  database = await createDatabase(await sharedPostgres(), 'status')
  client = new Client(database.connection)
  await client.connect()
})
after(async () => {
  await client.end()
  await database.drop()
})

async function run(flags: StatusFlags): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = []
  const terminal: Terminal = {
    environment: {},
    result: (line) => void lines.push(...line.split('\n')),
    note: () => {},
  }
  return { code: await command(flags, terminal), lines }
}

test('status counts by topic what waits and went through, and check says what is over its limits', async () => {
  await using bus = new EventBus({ store: postgres({ url: database.url }), broker: local() })
  await bus.migrate()
  const add = `INSERT INTO oncommit.events (topic, key) SELECT $1, i::text FROM generate_series(1, $2::int) i`
  await client.query(add, ['orders', 300])
  await client.query(add, ['bills', 60])
  const waiting = await bus.operations.status()
  assert.equal(waiting.sentence, 'unhealthy: no relay is running')
  assert.deepEqual(
    waiting.topics.map(({ topic, pending, in: rate, out }) => [topic, pending, rate, out]),
    [
      ['orders', 300, 5, 0],
      ['bills', 60, 1, 0],
    ],
  )
  const relay = await bus.startRelay()
  const done = await eventually('all is published', async () => {
    const seen = await bus.operations.status()
    return seen.backlog.pending === 0 && seen.lanes.owned === 64 ? seen : undefined
  })
  assert.equal(done.sentence, 'ok: delivering, nothing waits')
  assert.deepEqual({ in: done.rates.in, out: done.rates.out }, { in: 6, out: 6 })
  assert.deepEqual(done.topics.map(({ topic, out }) => `${topic} ${Math.round(out)}`).toSorted(), [
    'bills 1',
    'orders 5',
  ])
  assert.deepEqual(
    done.relays.map(({ id, lanes }) => [id, lanes]),
    [[relay.status.relayId, 64]],
  )
  assert.equal(done.ledger.events, 360)

  await client.query(
    `INSERT INTO oncommit.dead (id, attempts, error) SELECT id, 3, 'e' FROM oncommit.events WHERE topic = 'bills'`,
  )
  const url = { url: database.url }
  assert.deepEqual(await run({ ...url, check: true }), {
    code: 1,
    lines: ['unhealthy: dead 60 > 0 (bills)'],
  })
  assert.deepEqual(await run({ ...url, check: true, maxDead: '60' }), {
    code: 0,
    lines: ['ok: delivering, nothing waits'],
  })
  const { lines } = await run(url)
  assert.match(lines.join('\n'), /^lanes     64 of 64 owned   [0-9a-f-]{36} 64$/m)
  assert.match(lines.join('\n'), /^  bills +0 +- +1\.0 +1\.0 +0 +60$/m)
  const json = await run({ ...url, json: true })
  assert.equal((JSON.parse(json.lines[0] ?? '') as Status).backlog.dead, 60)
  await assert.rejects(run({ ...url, maxAge: 'soon' }), OptionError)
  await relay.stop()
})

test('status on SQLite says the same of what waits, and what is too old', async () => {
  await using fixture = await SessionFixture.open()
  fixture.insert(90)
  const id = await fixture.takeAll()
  await fixture.session.settle({ relayId: id, number: 1, ids: [[1n, 30n]], acks: [['t', 0, '0']] })
  const bus = new EventBus({ store: fixture.store })
  const { topics, rates, ledger, backlog } = await bus.operations.status({ maxAgeMs: 60_000 })
  assert.deepEqual(
    topics.map(({ topic, pending, in: rate, out }) => [topic, pending, rate, out]),
    [['t', 60, 1.5, 0.5]],
  )
  assert.deepEqual([rates.in, rates.out, ledger.events, backlog.pending], [1.5, 0.5, 90, 60])
  fixture.db.exec('update oncommit_events set stored_timestamp = stored_timestamp - 90000')
  const { code, lines } = await run({ url: `sqlite:${fixture.file}`, check: true, maxAge: '1m' })
  assert.equal(code, 1)
  assert.match(lines[0] ?? '', /^unhealthy: oldest 9\d(\.\d)? s > 60 s$/)
})

test('the questions of a status read the tables by their keys and stop, at a million waiting events', async () => {
  const store = postgres({ url: database.url, schema: 'large' })
  await store.migrate()
  await client.query(
    `INSERT INTO large.events (topic, key, enqueued) SELECT 't' || i % 3, i::text, true FROM generate_series(1, 1000000) i`,
  )
  await client.query(
    'INSERT INTO large.delivery SELECT id, large.lane(key, id), 9 FROM large.events',
  )
  await client.query(
    `INSERT INTO large.receipts (ids, acks) SELECT int8multirange(int8range(i * 50, i * 50 + 50)), '[]' FROM generate_series(1, 15000) i`,
  )
  const { topicsSql, storedSql, publishedSql, publishedTopicsSql } = statements
  for (const [name, sql] of Object.entries({
    topicsSql,
    storedSql,
    publishedSql,
    publishedTopicsSql,
  })) {
    await client.query(`BEGIN; ${planSafeSettings(60_000)}`)
    const { rows } = await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${sql('"large"')}`)
    await client.query('COMMIT')
    const text = JSON.stringify(rows[0])
    const scanned = [...text.matchAll(/"Actual Rows": ?([\d.]+)/g)].map(([, n]) => Number(n))
    assert.doesNotMatch(text, /"Node Type": ?"(Seq|Bitmap)/, name)
    assert.ok(Math.max(...scanned) <= 30_000, `${name} read ${Math.max(...scanned)} rows`)
  }
  await using inspection = await store.openInspection()
  const { windowMs } = await inspection.stored()
  assert.ok(windowMs < 60_000)
  assert.equal((await inspection.topics())[0]?.pending, 3_334)
  await store.close()
})

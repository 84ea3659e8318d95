import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

import { Client } from 'pg'

import { uuidv7 } from '../../src/core/uuid.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { createDatabase, sharedPostgres } from '../servers/index.ts'
import { SessionFixture, TTL_MS } from './sqlite/session-fixture.ts'

const program = join(import.meta.dirname, '../../src/cli/main.ts')

function why(url: string, uuid: string): { status: number | null; verdict: string } {
  const ran = spawnSync(process.execPath, [program, 'why', uuid, '--url', url, '--json'], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  const said = ran.stdout === '' ? ran.stderr : (JSON.parse(ran.stdout) as { verdict: string })
  return { status: ran.status, verdict: typeof said === 'string' ? said : said.verdict }
}

test('why says on PostgreSQL that nobody owns the lane, that a transaction is open, and what is not there', async () => {
  await using database = await createDatabase(await sharedPostgres(), 'why')
  assert.equal(why(database.url, uuidv7()).status, 6)
  const store = postgres({ url: database.url })
  await store.migrate()
  const client = new Client(database.connection)
  await client.connect()
  const [sent, open] = [uuidv7(), uuidv7()]
  const insert = `INSERT INTO oncommit.events (uuid, topic, key) VALUES ($1, 't', 'k')`
  await client.query(insert, [sent])
  assert.deepEqual(why(database.url, sent), { status: 1, verdict: 'lane-unowned' })
  assert.deepEqual(why(database.url, uuidv7()), { status: 5, verdict: 'not-found' })
  await client.query('BEGIN')
  await client.query(insert, [open])
  assert.deepEqual(why(database.url, open), { status: 1, verdict: 'invisible' })
  await client.query('ROLLBACK')
  await client.end()
  await store.close()
})

test('why says on SQLite what is blocked, by what, and where it was delivered', async () => {
  await using fixture = await SessionFixture.open()
  const url = `sqlite:${fixture.file}`
  fixture.insert(3)
  const uuids = fixture
    .rows('select uuid from oncommit_events order by id')
    .map((row) => String(row['uuid']))
  const [first = '', second = '', third = ''] = uuids
  const id = await fixture.takeAll()
  assert.deepEqual(why(url, third), { status: 1, verdict: 'backlog' })
  await fixture.session.settle({
    relayId: id,
    number: 1,
    ids: [[1n, 1n]],
    acks: [['t', 0, '7']],
  })
  assert.deepEqual(why(url, first), { status: 0, verdict: 'delivered' })
  const scope = { topic: 't', key: 'k', eventId: null, lane: 0 }
  await fixture.session.park(id, [{ scope, error: 'too large', ids: [2n, 3n] }])
  assert.deepEqual(why(url, second), { status: 1, verdict: 'refused' })
  assert.deepEqual(why(url, third), { status: 1, verdict: 'blocked-by' })
})

test('why says on SQLite what a relay reports of the broker, that it is fenced, and that an event is dead', async () => {
  await using fixture = await SessionFixture.open()
  const url = `sqlite:${fixture.file}`
  fixture.insert(2)
  const [first = '', second = ''] = fixture
    .rows('select uuid from oncommit_events order by id')
    .map((row) => String(row['uuid']))
  const id = await fixture.takeAll()
  const report = { brokerAwayMs: 5_000, lastError: 'ECONNREFUSED', settledMs: null }
  await fixture.session.tick(id, TTL_MS, () => [], report)
  assert.deepEqual(why(url, first), { status: 1, verdict: 'broker-away' })
  await fixture.session.markFenced(id, { resigning: true })
  assert.deepEqual(why(url, first), { status: 1, verdict: 'owner-fenced' })
  fixture.db.exec(
    `delete from oncommit_delivery where id = 2; insert into oncommit_dead (id, attempts, error) values (2, 3, 'e')`,
  )
  assert.deepEqual(why(url, second), { status: 1, verdict: 'dead' })
  const status = spawnSync(process.execPath, [program, 'status', '--url', url], {
    encoding: 'utf8',
  })
  assert.equal(status.status, 1)
  assert.match(status.stdout, /unhealthy: no relay is running; dead 1 > 0 \(t\)/)
})

test('why exits with 3 where the database is away', () => {
  assert.equal(why('postgres://127.0.0.1:1/none', uuidv7()).status, 3)
})

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import type { SpawnSyncReturns } from 'node:child_process'
import { once } from 'node:events'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, beforeEach, describe, it } from 'node:test'

import { Pool } from 'pg'

import { postgres } from '../../src/stores/postgres/index.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'

const program = join(import.meta.dirname, '../../src/cli/main.ts')
const YES = ['--yes', '--reason', 'INC-1'] as const

describe('the command line of operators', () => {
  let database: TestDatabase
  let pool: Pool

  before(async () => {
    database = await createDatabase(await sharedPostgres(), 'cli_operators')
    pool = new Pool({ ...database.connection, max: 3 })
  })
  after(async () => {
    await pool.end()
    await database.drop()
  })
  beforeEach(async () => {
    await pool.query('DROP SCHEMA IF EXISTS oncommit CASCADE')
    const store = postgres({ pool })
    await store.migrate()
  })

  it('explains each option of each command, with its default', () => {
    for (const [command, most] of [
      ['dead list', 10],
      ['dead show', 4],
      ['dead requeue', 14],
      ['dead discard', 13],
      ['blocked list', 9],
      ['blocked show', 9],
      ['blocked release', 13],
      ['blocked discard', 14],
    ] as const) {
      const ran = oncommit(...command.split(' '), '--help')
      assert.equal(ran.status, 0, ran.stderr)
      const options = ran.stdout
        .replaceAll(/\n {4,}(?!-)/g, ' ')
        .split('\n')
        .filter((line) => /^ +--/.test(line))
      assert.equal(options.length, most, `${command}: ${ran.stdout}`)
      for (const option of options) assert.match(option, /^ +--[a-z-]+.* \(default: [^)]+\)$/)
    }
  })

  it('dead list groups letters, or gives each of them', async () => {
    await die(3)
    const groups = on('dead', 'list')
    assert.equal(groups.status, 0, groups.stderr)
    assert.match(
      groups.stdout,
      /^3 dead letters in 1 groups +since 20.*\n +orders {2}3 {2}2 keys {2}no schema \*\n$/,
    )
    assert.deepEqual(jsonOf(on('dead', 'list', '--json', '--topic', 'none')), [{ groups: [] }])
    const each = jsonOf(on('dead', 'list', '--each', '--json', '--key', 'k1')) as { key: string }[]
    assert.deepEqual(
      each.map(({ key }) => key),
      ['k1'],
    )
    assert.match(
      on('dead', 'list', '--each').stdout,
      /^[0-9a-f-]{36} {2}orders {2}k0 .* no schema 0\n/,
    )
  })

  it('dead show gives all of a letter, and 5 where there is none', async () => {
    const [uuid = ''] = await die(1)
    const shown = on('dead', 'show', uuid)
    assert.match(
      shown.stdout,
      /orders {2}k0 .*\nsent .*\ntype .*\nheader +h v\npayload {2}pay 0\n$/,
    )
    const [whole] = jsonOf(on('dead', 'show', '--json', uuid)) as [{ payload: string }]
    assert.equal(whole.payload, 'pay 0')
    assert.equal(on('dead', 'show', '0198f2c1-7a3b-7c11-9d0e-5b1c6f2e8a44').status, 5)
    assert.equal(on('dead', 'show', 'nonsense').status, 2)
  })

  it('dead requeue says first what it would do, with the newer events of its keys, and exits with 7', async () => {
    await die(4)
    const [newer] = await publish('k0')
    const dry = on('dead', 'requeue', '--error', 'no schema *')
    assert.equal(dry.status, 7, dry.stderr)
    assert.match(dry.stdout, /^4 dead letters of 2 keys, 0 without a key/)
    assert.match(
      dry.stdout,
      /\n1 keys have published 1 newer events: requeued, their letters come behind/,
    )
    assert.match(
      dry.stdout,
      new RegExp(String.raw`\n +orders {2}k0 {2}2 letters {2}1 newer: ${newer}\n`),
    )
    assert.match(dry.stdout, /\nnothing changed: run it with --yes --reason <why>\n$/)
    const [preview] = jsonOf(on('dead', 'requeue', '--all', '--json')) as [{ inOrder: number }]
    assert.equal(preview.inOrder, 2)
    assert.equal(await count('dead'), 4)
    assert.equal(await count('audit'), 0)
    const done = on('dead', 'requeue', '--all', '--only-in-order', ...YES)
    assert.equal(done.status, 0, done.stderr)
    assert.match(done.stdout, /^2 requeued +audit [0-9a-f-]{36}\n$/)
    assert.equal(await count('dead'), 2)
    const { rows } = await pool.query('SELECT actor, reason, filter FROM oncommit.audit')
    assert.deepEqual(rows, [
      { actor: userInfo().username, reason: 'INC-1', filter: { onlyInOrder: true } },
    ])
  })

  it('dead requeue and discard by uuid say what was decided before, and what is unknown', async () => {
    const [one = '', two = ''] = await die(2)
    const unknown = '0198f2c1-7a3b-7c11-9d0e-5b1c6f2e8a44'
    assert.equal(on('dead', 'requeue', one, ...YES, '--actor', 'ada').status, 0)
    const again = on('dead', 'requeue', one, ...YES)
    assert.equal(again.status, 0)
    assert.match(
      again.stdout,
      new RegExp(`^0 requeued\nalready decided: ${one} requeue .* by ada\n$`),
    )
    assert.equal(on('dead', 'discard', unknown, ...YES).status, 5)
    assert.equal(on('dead', 'requeue', unknown).status, 5)
    assert.equal(on('dead', 'discard', two).status, 7)
    const partly = on('dead', 'discard', two, unknown, '--json', ...YES)
    assert.equal(partly.status, 1)
    const [progress, result] = jsonOf(partly) as [object, { done: number; missing: string[] }]
    assert.deepEqual(progress, { progress: { matched: 1, done: 1, already: 0 } })
    assert.deepEqual([result.done, result.missing], [1, [unknown]])
    assert.equal(await count('discarded'), 1)
  })

  it('blocked list, show, release and discard', async () => {
    const [head = '', second = ''] = await block('k', 3)
    await block('other', 1)
    assert.match(
      on('blocked', 'list').stdout,
      new RegExp(`^2 blocked\n +orders {2}k {2}blocked {2}by ${head} `),
    )
    const shown = on('blocked', 'show', head)
    assert.match(shown.stdout, new RegExp(`3 held {2}too large\n +${head} .*\n +${second} `))
    assert.equal(on('blocked', 'show', '--key', 'none').status, 5)
    assert.equal(on('blocked', 'discard', second).status, 7)
    assert.match(on('blocked', 'discard', second, ...YES).stdout, /^1 discarded /)
    assert.equal(on('blocked', 'discard', '--key', 'k').status, 2)
    assert.equal(on('blocked', 'discard', '--key', 'k', '--head').status, 7)
    assert.match(
      on('blocked', 'discard', '--key', 'k', '--head', ...YES).stdout,
      /^1 heads discarded /,
    )
    assert.match(
      on('blocked', 'release', '--all').stdout,
      /^1 keys and events without a key would go on/,
    )
    const released = on('blocked', 'release', '--all', ...YES)
    assert.match(released.stdout, /^1 released /)
    assert.equal(on('blocked', 'release', '--all').status, 0, 'nothing is left to release')
    const { rows } = await pool.query('SELECT DISTINCT state FROM oncommit.blocked')
    assert.deepEqual(rows, [{ state: 'draining' }])
  })

  it('nothing is done to everything, nor without a reason, nor without the role', async () => {
    await die(1)
    for (const args of [
      ['dead', 'discard', ...YES],
      ['dead', 'discard', '--all', '--yes'],
      ['dead', 'requeue', '--from', 'yesterday'],
      ['dead', 'nonsense'],
    ])
      assert.equal(on(...args).status, 2, args.join(' '))
    await pool.query(`DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cli_looker') THEN CREATE ROLE cli_looker LOGIN; END IF; END $$;
      GRANT USAGE ON SCHEMA oncommit TO cli_looker; GRANT SELECT ON ALL TABLES IN SCHEMA oncommit TO cli_looker; GRANT SELECT ON ALL SEQUENCES IN SCHEMA oncommit TO cli_looker`)
    const { host, port, database: name } = database.connection
    const url = `postgres://cli_looker@${host}:${port}/${name}`
    const denied = oncommit('dead', 'discard', '--all', ...YES, '--url', url)
    assert.equal(denied.status, 7, denied.stderr)
    assert.match(denied.stderr, /permission denied/)
    assert.equal(await count('dead'), 1)
  })

  it('SIGKILL in the middle leaves no deed without its entry in the audit; to do it again does the rest', async () => {
    await die(20_000)
    const args = ['dead', 'requeue', '--all', '--json', ...YES, '--url', database.url]
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    await lines.next()
    await lines.next()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const told = async (): Promise<number> => {
      const { rows } = await pool.query(
        `SELECT count(DISTINCT u) FROM oncommit.audit, jsonb_array_elements(details -> 'uuids') u`,
      )
      return Number((rows as { count: string }[])[0]?.count)
    }
    const [held, dead] = [await count('held'), await count('dead')]
    assert.ok(held >= 1_000 && dead > 0, `${held} were requeued before it was killed`)
    assert.equal(held + dead, 20_000)
    assert.equal(await told(), held)
    const rest = on('dead', 'requeue', '--all', ...YES)
    assert.match(rest.stdout, new RegExp(`^${dead} requeued `))
    assert.equal(await told(), 20_000)
    const { rows } = await pool.query('SELECT sum(done)::int AS done FROM oncommit.audit')
    assert.deepEqual(rows, [{ done: 20_000 }])
  })

  it('SIGINT ends it behind the chunk in hand, says what is done, and exits with 130', async () => {
    await die(20_000)
    const args = ['dead', 'discard', '--all', '--json', ...YES, '--url', database.url]
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines: string[] = []
    for await (const line of createInterface(child.stdout))
      if (lines.push(line) === 2) child.kill('SIGINT')
    if (child.exitCode === null) await once(child, 'exit')
    assert.equal(child.exitCode, 130)
    const result = JSON.parse(lines.at(-1) ?? '') as { done: number; aborted: boolean }
    assert.equal(result.aborted, true)
    assert.equal(await count('discarded'), result.done)
  })

  function on(...args: string[]): SpawnSyncReturns<string> {
    return oncommit(...args, '--url', database.url)
  }

  async function count(table: string): Promise<number> {
    const { rows } = await pool.query(`SELECT count(*) FROM oncommit.${table}`)
    return Number((rows as { count: string }[])[0]?.count)
  }

  /** Dead letters of two keys; their uuids. */
  async function die(letters: number): Promise<readonly string[]> {
    return uuidsOf(`WITH e AS (INSERT INTO oncommit.events (topic, key, headers, payload)
        SELECT 'orders', 'k' || n % 2, '[["h", "v"]]', convert_to('pay ' || n, 'UTF8') FROM generate_series(0, ${letters - 1}) n RETURNING id, uuid),
      d AS (INSERT INTO oncommit.dead (id, attempts, error) SELECT id, 2, 'no schema ' || row_number() OVER (ORDER BY id) - 1 FROM e)
      SELECT uuid FROM e ORDER BY id`)
  }

  /** An event of a key that was published. */
  async function publish(key: string): Promise<readonly string[]> {
    return uuidsOf(
      `INSERT INTO oncommit.events (topic, key) VALUES ('orders', '${key}') RETURNING uuid`,
    )
  }

  /** A blocked key with some events. */
  async function block(key: string, events: number): Promise<readonly string[]> {
    return uuidsOf(`WITH e AS (INSERT INTO oncommit.events (topic, key) SELECT 'orders', '${key}' FROM generate_series(1, ${events}) RETURNING id, uuid, key),
      b AS (INSERT INTO oncommit.blocked (topic, key, event_id, lane, error) SELECT 'orders', '${key}', min(id), oncommit.lane('${key}', 1), 'too large' FROM e RETURNING id, lane),
      h AS (INSERT INTO oncommit.held (blocked_id, id, lane, size) SELECT b.id, e.id, b.lane, 1 FROM b, e)
      SELECT uuid FROM e ORDER BY id`)
  }

  async function uuidsOf(sql: string): Promise<readonly string[]> {
    const { rows } = await pool.query<{ uuid: string }>(sql)
    await pool.query('DELETE FROM oncommit.delivery')
    return rows.map(({ uuid }) => uuid)
  }
})

function oncommit(...args: string[]): SpawnSyncReturns<string> {
  const { DATABASE_URL: _, ...env } = process.env
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', timeout: 30_000, env })
}

function jsonOf({ stdout }: SpawnSyncReturns<string>): unknown[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
}

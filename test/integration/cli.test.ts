import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import type { SpawnSyncReturns } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { createDatabase, sharedPostgres } from '../servers/index.ts'

const program = join(import.meta.dirname, '../../src/cli/main.ts')
const folder = mkdtempSync(join(tmpdir(), 'oncommit-cli-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function oncommit(...args: string[]): SpawnSyncReturns<string> {
  const { DATABASE_URL: _, KAFKA_BROKERS: __, ...env } = process.env
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', timeout: 30_000, env })
}

test('migrate makes the tables of PostgreSQL, and then has nothing to do', async () => {
  await using database = await createDatabase(
    await sharedPostgres(),
    `cli_${randomUUID().slice(0, 8)}`,
  )
  const first = oncommit('migrate', '--url', database.url, '--schema', 'shop')
  assert.equal(first.status, 0, first.stderr)
  assert.match(first.stdout, /^applied 1 /)
  const second = oncommit('migrate', '--url', database.url, '--schema', 'shop')
  assert.equal(second.stdout, 'nothing to do\n')
})

test('migrate --print prints the SQL and touches nothing', () => {
  const printed = oncommit('migrate', '--print', '--schema', 'shop')
  assert.equal(printed.status, 0)
  assert.match(printed.stdout, /CREATE TABLE "?shop"?\.events/)
})

test('--version prints the version of the package', () => {
  const file = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')
  const { version } = JSON.parse(file) as { version: string }
  const ran = oncommit('--version')
  assert.equal(ran.status, 0, ran.stderr)
  assert.equal(ran.stdout, `${version}\n`)
})

test('--help explains each option of each command, with its default', () => {
  for (const [command, count] of [
    ['migrate', 5],
    ['relay', 11],
    ['tail', 5],
    ['why', 4],
    ['status', 8],
  ] as const) {
    const ran = oncommit(command, '--help')
    assert.equal(ran.status, 0, ran.stderr)
    const options = ran.stdout
      .replaceAll(/\n {4,}(?!-)/g, ' ')
      .split('\n')
      .filter((line) => /^ +--/.test(line))
    assert.equal(options.length, count, ran.stdout)
    for (const option of options) assert.match(option, /^ +--[a-z-]+.* \(default: [^)]+\)$/)
  }
})

test('relay publishes until SIGTERM, finishes what is in hand, and exits with 0', async () => {
  const file = join(folder, 'shop.db')
  const log = join(folder, 'log.db')
  assert.equal(oncommit('migrate', '--url', `sqlite:${file}`).status, 0)
  const relay = spawn(process.execPath, [
    program,
    'relay',
    '--url',
    `sqlite:${file}`,
    '--local',
    log,
  ])
  relay.stderr.setEncoding('utf8')
  let notes = ''
  relay.stderr.on('data', (text: string) => (notes += text))
  await using bus = new EventBus({ store: sqlite({ file }), broker: local({ file: log }) })
  const db = new DatabaseSync(file)
  db.exec('BEGIN IMMEDIATE')
  await bus.send(db, { topic: 'orders', payload: 'one' })
  db.exec('COMMIT')
  db.close()
  for await (const event of bus.stream('orders', { group: 'g' })) {
    assert.equal(event.text(), 'one')
    break
  }
  relay.kill('SIGTERM')
  const [code] = (await once(relay, 'exit')) as [number]
  assert.equal(code, 0, notes)
  assert.match(notes, /relay started\n[\s\S]*relay stopped, 1 events published/)
})

test('what went wrong is said in one line, and the exit code says of which kind it is', async () => {
  await using database = await createDatabase(
    await sharedPostgres(),
    `cli_${randomUUID().slice(0, 8)}`,
  )
  const cases: [string[], number, RegExp][] = [
    [['bogus'], 2, /unknown command 'bogus'/],
    [['migrate'], 2, /option --url: got undefined, takes postgres:/],
    [['migrate', '--url', 'mysql://u:secret@h/d'], 2, /--url: got "mysql:\/\/u:\*\*\*@h\/d"/],
    [['relay', '--url', database.url], 2, /option --kafka: got undefined/],
    [
      ['relay', '--url', database.url, '--kafka', 'h:1', '--batch-size', 'x'],
      2,
      /--batch-size: got "x"/,
    ],
    [
      ['relay', '--url', database.url, '--kafka', 'h:1', '--on-exhausted', 'drop'],
      2,
      /--on-exhausted: got "drop", takes 'block' or 'dead'/,
    ],
    [['relay', '--url', database.url, '--local', join(folder, 'l.db')], 6, /oncommit migrate/],
    [['migrate', '--url', 'postgres://127.0.0.1:1/none'], 3, /ECONNREFUSED/],
  ]
  for (const [args, status, message] of cases) {
    const ran = oncommit(...args)
    assert.equal(ran.status, status, `${args.join(' ')}: ${ran.stderr}`)
    assert.match(ran.stderr, message)
    assert.equal(ran.stdout, '')
  }
})

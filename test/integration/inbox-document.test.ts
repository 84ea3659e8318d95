import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'
import { blocksOf, onSources } from './documents.ts'

/** Two events, of which one was published twice. */
const SENT = `
import { local } from 'oncommit/local'
import { Sender } from '../stream/sender.ts'
const broker = local({ partitions: 1 })
const sender = await Sender.open(broker)
const orders = [1, 2, 1].map((n) => ({
  uuid: \`0198c5a4-5d9e-7abc-8def-00000000000\${n}\`,
  payload: Buffer.from(JSON.stringify({ id: \`o-\${n}\`, total: n, paymentId: \`0198c5a4-5d9e-7abc-8def-10000000000\${n}\` })),
}))
await sender.sendEvents('orders', orders)
const CREATE = 'CREATE TABLE bills (id text, total integer)'
`
const BY_PG = `${SENT}
import { Pool } from 'pg'
import { postgres as storeOf } from 'oncommit/postgres'
const pool = new Pool({ connectionString: process.env.DATABASE_URL })
await pool.query('DROP SCHEMA IF EXISTS oncommit CASCADE; DROP TABLE IF EXISTS bills; ' + CREATE)
await storeOf({ pool }).migrate()
const count = async (table) => Number((await pool.query('SELECT count(*) FROM ' + table)).rows[0].count)
const end = () => pool.end()
`
const BY_POSTGRES_JS = `${SENT}
import connect from 'postgres'
import { postgres as storeOf } from 'oncommit/postgres'
const sql = connect(process.env.DATABASE_URL, { onnotice: () => {} })
await sql.unsafe('DROP SCHEMA IF EXISTS oncommit CASCADE; DROP TABLE IF EXISTS bills; ' + CREATE)
await storeOf({ pool: sql }).migrate()
const count = async (table) => Number((await sql.unsafe('SELECT count(*) FROM ' + table))[0].count)
const end = () => sql.end({ timeout: 5 })
`
const BY_SQLITE = `${SENT}
import { DatabaseSync as Database } from 'node:sqlite'
import { sqlite as storeOf } from 'oncommit/sqlite'
const own = storeOf({ file: 'shop.db' })
await own.migrate()
const db = new Database('shop.db', { timeout: 5_000 })
db.exec(CREATE)
const count = async (table) => db.prepare('SELECT count(*) AS n FROM ' + table.replace('.', '_')).get().n
const end = () => own.close()
`
/** What stands in the document before. */
const IMPORTS = `
import type { DatabaseSync } from 'node:sqlite'
import { EventBus } from 'oncommit'
import { sqlite } from 'oncommit/sqlite'
`
const BUS = `const bus = new EventBus({ store: sqlite({ file: 'shop.db' }), broker })
`
const DONE = `
while (billing.lag()[0]?.lag !== 0n) await new Promise((resolve) => setTimeout(resolve, 5))
const { handled, duplicates } = await billing.stop()
console.log({ handled, duplicates, bills: await count('bills'), noted: await count('oncommit.inbox'), sent: await count('oncommit.events') })
await bus.close()
await end()
`
const HANDLED_BEFORE = `
const first = bus.consume('orders', { group: 'billing', inbox: true }, (event, { tx }) => {
  tx.exec('INSERT INTO bills VALUES (1, 1)')
})
while (first.lag()[0]?.lag !== 0n) await new Promise((resolve) => setTimeout(resolve, 5))
await first.stop()
`
const CLEANED = `
const note = db.prepare("INSERT INTO oncommit_inbox VALUES ('g', ?, ?)")
for (const days of [31, 29, 8]) note.run(String(days), Date.now() - days * 24 * 3_600_000)
console.log({ cleaned: await store.inbox.clean(), noted: await count('oncommit.inbox') })
await bus.close()
await end()
`

interface Snippet {
  readonly what: string
  readonly before: string
  readonly after: string
  readonly prints: string
}

const once = '{ handled: 3, duplicates: 1, bills: 2, noted: 2, sent: 0 }'
const inShop = `${BY_SQLITE}${IMPORTS}`

/** In the order of the document. */
const snippets: readonly Snippet[] = [
  { what: 'pg', before: BY_PG, after: DONE, prints: once.replace('sent: 0', 'sent: 2') },
  { what: 'Postgres.js', before: BY_POSTGRES_JS, after: DONE, prints: once },
  { what: 'node:sqlite', before: BY_SQLITE, after: DONE, prints: once },
  { what: 'batches', before: `${inShop}${BUS}`, after: DONE, prints: once },
  { what: 'another database', before: inShop, after: DONE, prints: once },
  {
    what: 'a replay',
    before: `${inShop}${BUS}${HANDLED_BEFORE}`,
    after: DONE,
    prints: '{ handled: 3, duplicates: 1, bills: 4, noted: 4, sent: 0 }',
  },
  { what: 'inboxKey', before: `${inShop}${BUS}`, after: DONE, prints: once },
  { what: 'cleaning', before: inShop, after: CLEANED, prints: '{ cleaned: 1, noted: 2 }' },
]

describe('what docs/inbox.md says', () => {
  let database: TestDatabase
  before(async () => {
    database = await createDatabase(await sharedPostgres(), 'inbox_document')
  })
  after(async () => database.drop())

  const code = blocksOf('docs/inbox.md', 'ts')

  it('is executed here, each part of it', () => {
    assert.equal(snippets.length, code.length)
  })

  for (const [n, { what, before: preamble, after: ending, prints }] of snippets.entries()) {
    it(`works: ${what}`, () => {
      // Inside the checkout, so that the optional peers are found.
      const folder = mkdtempSync(join(import.meta.dirname, '.inbox-'))
      try {
        const file = join(folder, 'shop.ts')
        writeFileSync(file, onSources(`${preamble}${code[n]}${ending}`))
        const { stdout, stderr, status } = spawnSync(process.execPath, [file], {
          cwd: folder,
          encoding: 'utf8',
          timeout: 30_000,
          env: { ...process.env, DATABASE_URL: database.url },
        })
        assert.equal(stderr, '')
        assert.equal(stdout.replaceAll(/\s+/g, ' ').trim(), prints)
        assert.equal(status, 0)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
})

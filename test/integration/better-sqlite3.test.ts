import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { local } from '../../src/brokers/local/index.ts'
import { EventBus, TransactionError } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import type { BetterSqliteConnection, SqliteTransaction } from '../../src/stores/sqlite/index.ts'

interface Database extends BetterSqliteConnection {
  exec(sql: string): unknown
  close(): void
}
// It comes without types.
const open = createRequire(import.meta.url)('better-sqlite3') as new (file: string) => Database

const folder = mkdtempSync(join(tmpdir(), 'oncommit-better-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test("an event is sent in a transaction of better-sqlite3's, and exists only if it commits", async () => {
  const file = join(folder, 'shop.db')
  await using bus = new EventBus<SqliteTransaction>({ store: sqlite({ file }), broker: local() })
  await bus.migrate()
  const db = new open(file)
  const bytes = Buffer.from([0, 255, 254, 128])
  await assert.rejects(bus.send(db, { topic: 't' }), TransactionError)
  db.exec('BEGIN IMMEDIATE')
  await bus.send(db, { topic: 't', payload: 'undone' })
  db.exec('ROLLBACK')
  db.exec('BEGIN IMMEDIATE')
  await bus.send(db, [
    { topic: 't', key: 'ключ', payload: bytes },
    { topic: 't', key: 'ключ', payload: null },
  ])
  db.exec('COMMIT')
  db.close()
  await bus.startRelay()
  const got: (Buffer | null)[] = []
  for await (const event of bus.stream('t', { group: 'g' })) {
    got.push(event.payload)
    if (got.length === 2) break
  }
  assert.deepEqual(got, [bytes, null])
})

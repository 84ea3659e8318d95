import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'

import type { OutboxStore } from '../../src/core/outbox-store.ts'
import { migrationSql, sqlite, type SqliteTransaction } from '../../src/stores/sqlite/index.ts'
import { MIGRATIONS } from '../../src/stores/sqlite/migrations/index.ts'
import { anEvent, idsOf, SessionFixture } from './sqlite/session-fixture.ts'

const STEPS = MIGRATIONS.map(({ version, name }) => ({ version, name }))

describe('the tables in SQLite', () => {
  let fixture: SessionFixture

  beforeEach(async () => {
    fixture = await SessionFixture.open()
  })
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]()
  })

  function storeOf(file: string): OutboxStore<SqliteTransaction> {
    return sqlite({ file: join(fixture.folder, file), synchronous: 'normal' })
  }

  it('are made once, beside those of the application, with a write-ahead log', async () => {
    const db = new DatabaseSync(join(fixture.folder, 'shop.db'))
    db.exec('create table events (id integer); insert into events values (7)')
    const store = storeOf('shop.db')
    assert.deepEqual(await store.migrate(), STEPS)
    assert.deepEqual(await store.migrate(), [])
    await store.check()
    assert.equal(db.prepare('select id from events').get()?.['id'], 7)
    assert.equal(db.prepare('pragma journal_mode').get()?.['journal_mode'], 'wal')
    const others = db
      .prepare(
        `select name from sqlite_schema where name not like 'oncommit%' and name not like 'sqlite%'`,
      )
      .all()
    assert.deepEqual(
      others.map(({ name }) => name),
      ['events'],
    )
    db.close()
  })

  it('are waited for where the application is in a transaction', async () => {
    const db = new DatabaseSync(join(fixture.folder, 'busy.db'))
    db.exec('create table mine (id integer); begin immediate; insert into mine values (1)')
    const migrated = storeOf('busy.db').migrate()
    setImmediate(() => db.exec('commit'))
    assert.equal((await migrated).length, STEPS.length)
    db.close()
  })

  it('can be made from the SQL that is printed', async () => {
    const db = new DatabaseSync(join(fixture.folder, 'printed.db'))
    db.exec(migrationSql('oncommit'))
    assert.equal(migrationSql('oncommit', STEPS.length), '')
    const printed = storeOf('printed.db')
    await printed.check()
    assert.deepEqual(await printed.migrate(), [])
    assert.deepEqual(schemaOf(db), schemaOf(fixture.db))
    db.close()
  })

  it('are not half made where something fails', async () => {
    const file = join(fixture.folder, 'half.db')
    const db = new DatabaseSync(file)
    db.exec('create table oncommit_dead (mine integer)')
    await assert.rejects(storeOf('half.db').migrate(), {
      code: 'ONCOMMIT_STORE',
      message: /migrating failed: table oncommit_dead already exists/,
    })
    const tables = db.prepare('select name from sqlite_schema').all()
    assert.deepEqual(
      tables.map(({ name }) => name),
      ['oncommit_dead'],
    )
    db.exec('begin immediate; rollback')
    db.close()
  })

  it('are missed by name, in a file that is not made by looking for them', async () => {
    const missing = storeOf('missing.db')
    await assert.rejects(missing.check(), {
      code: 'ONCOMMIT_SCHEMA',
      message: /missing\.db: run npx oncommit migrate/,
      found: null,
    })
    assert.ok(!existsSync(join(fixture.folder, 'missing.db')))
    const other = sqlite({ file: fixture.file, name: 'other' })
    await assert.rejects(other.check(), {
      code: 'ONCOMMIT_SCHEMA',
      found: null,
      expected: STEPS.length,
    })
  })

  it('are looked for without a change to the file', async () => {
    for (const sql of ['create table mine (id integer)', migrationSql('oncommit')]) {
      const file = join(fixture.folder, 'looked.db')
      writeFileSync(file, '')
      const db = new DatabaseSync(file)
      db.exec(sql)
      db.close()
      const before = readFileSync(file)
      const checked = storeOf('looked.db').check()
      if (sql.includes('mine')) await assert.rejects(checked, { code: 'ONCOMMIT_SCHEMA' })
      else await checked
      // What turning on the write-ahead log would change.
      assert.deepEqual(readFileSync(file), before)
    }
  })

  it('are refused where a newer release made them', async () => {
    fixture.db.exec(
      `insert into oncommit_migrations (version, name, checksum) values (9, 'n', 'c')`,
    )
    await assert.rejects(fixture.store.check(), {
      code: 'ONCOMMIT_SCHEMA',
      message: /use a newer oncommit/,
      found: 9,
      expected: STEPS.length,
    })
  })

  it('are refused without the trigger that makes events pending', async () => {
    fixture.db.exec('drop trigger oncommit_enqueue')
    await assert.rejects(fixture.store.check(), {
      code: 'ONCOMMIT_UNSAFE_STORE',
      message: /the trigger oncommit_enqueue is gone.*migrationSql\('oncommit'\)/,
    })
  })

  it('may be moved to another file by VACUUM INTO, and used from there', async () => {
    await fixture.send(anEvent(), anEvent())
    fixture.db.exec(`vacuum into '${join(fixture.folder, 'moved.db')}'`)
    const moved = storeOf('moved.db')
    await moved.check()
    await using session = await moved.openRelaySession()
    const all = { lanes: [0], inHand: [], maxEvents: 10, maxBytes: 1_000, fromStart: false }
    assert.deepEqual(await idsOf(session.fetch(all)), [1, 2])
  })
})

function schemaOf(db: DatabaseSync): unknown[] {
  return db.prepare('select type, name, sql from sqlite_schema order by name').all()
}

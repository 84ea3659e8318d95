import { mkdtemp, rm } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { OutboxStore } from '../../src/core/outbox-store.ts'
import { sqlite, type SqliteOptions } from '../../src/stores/sqlite/index.ts'
import type { StoreHarness } from '../../src/testing/outbox-store-contract.ts'

/** A harness of the store contract on a file of its own. */
export async function openSqlite(): Promise<StoreHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'oncommit-sqlite-'))
  const opened: OutboxStore[] = []
  const storeOf = (options: SqliteOptions): OutboxStore => {
    const store = sqlite({ synchronous: 'normal', ...options }) as OutboxStore
    opened.push(store)
    return store
  }
  const file = join(folder, 'app.db')
  const store = storeOf({ file })
  await store.migrate()
  const db = new DatabaseSync(file, { timeout: 5_000 })
  const idle = new DatabaseSync(file)
  const elsewhere = new DatabaseSync(':memory:')
  elsewhere.exec('BEGIN')
  let empties = 0
  return {
    store,
    other: storeOf({ file }),
    openEmpty: async () => {
      const empty = { file, name: `empty_${++empties}` }
      return Promise.resolve({ store: storeOf(empty), other: storeOf(empty) })
    },
    transaction: oneAfterAnother(db),
    notTransactions: [
      ['a connection without BEGIN', idle],
      ['a connection to another database', elsewhere],
    ],
    expire: async (relayId) => {
      db.prepare('update oncommit_relays set expires_at = 0 where id = ?').run(relayId)
      await Promise.resolve()
    },
    makeDead: async (eventId) => {
      for (const sql of [
        'delete from oncommit_delivery where id = ?',
        'delete from oncommit_held where id = ?',
        'insert into oncommit_dead (id, attempts) values (?, 1)',
      ])
        db.prepare(sql).run(eventId)
      await Promise.resolve()
    },
    makeNewer: async () => {
      db.exec(`insert into oncommit_migrations (version, name, checksum) values (9, 'n', 'c')`)
      await Promise.resolve()
    },
    storedUuids: async () => {
      const rows = db.prepare('select uuid from oncommit_events order by id').all()
      return Promise.resolve(rows.map(({ uuid }) => String(uuid)))
    },
    concurrentTransactions: false,
    wakesOthers: true,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map(async (one) => one.close()))
      for (const connection of [db, idle, elsewhere]) connection.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** A connection has one transaction at a time. */
function oneAfterAnother(db: DatabaseSync): StoreHarness['transaction'] {
  let last: Promise<unknown> = Promise.resolve()
  return async (work) => {
    const turn = last.then(async () => {
      db.exec('BEGIN IMMEDIATE')
      try {
        const result = await work(db)
        db.exec('COMMIT')
        return result
      } catch (error) {
        db.exec('ROLLBACK')
        throw error
      }
    })
    last = turn.catch(() => {})
    return turn
  }
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import type { OutboxEvent } from '../../../src/core/event.ts'
import type { OutboxStore } from '../../../src/core/outbox-store.ts'
import { uuidv7 } from '../../../src/core/uuid.ts'
import { sqlite, type SqliteOptions } from '../../../src/stores/sqlite/index.ts'
import { bootstrapSql, MIGRATIONS, stepSql } from '../../../src/stores/sqlite/migrations/index.ts'
import type { InboxHarness } from '../../../src/testing/index.ts'

/** Inboxes on a file of their own, with business rows beside them. */
export class SqliteInboxHarness implements InboxHarness {
  readonly folder: string
  readonly file: string
  readonly store: OutboxStore
  readonly other: OutboxStore
  /** Another connection, which never waits for a lock. */
  readonly db: DatabaseSync
  readonly #opened: OutboxStore[] = []

  private constructor(folder: string) {
    this.folder = folder
    this.file = join(folder, 'app.db')
    this.store = this.storeOf()
    this.other = this.storeOf()
    this.db = new DatabaseSync(this.file, { timeout: 0 })
    this.db.exec('create table business (amount integer not null)')
  }

  static async open(): Promise<SqliteInboxHarness> {
    const harness = new SqliteInboxHarness(await mkdtemp(join(tmpdir(), 'oncommit-inbox-')))
    await harness.store.migrate()
    return harness
  }

  storeOf(options: Partial<SqliteOptions> = {}): OutboxStore {
    const store = sqlite({ file: this.file, synchronous: 'normal', ...options }) as OutboxStore
    this.#opened.push(store)
    return store
  }

  async openEmpty(): Promise<OutboxStore> {
    return Promise.resolve(this.storeOf({ name: 'empty' }))
  }

  async add(tx: unknown, amount: number): Promise<void> {
    // The lock is held across a turn.
    await Promise.resolve()
    ;(tx as DatabaseSync).prepare('insert into business values (?)').run(amount)
  }

  async sum(): Promise<number> {
    return this.number('select coalesce(sum(amount), 0) as n from business')
  }

  async execute(tx: unknown, statement: string): Promise<void> {
    await Promise.resolve()
    ;(tx as DatabaseSync).exec(statement)
  }

  async countSent(): Promise<number> {
    return this.number('select count(*) as n from oncommit_events')
  }

  async countNoted(): Promise<number> {
    return this.number('select count(*) as n from oncommit_inbox')
  }

  /** A connection that waits leaves no trace in the file. */
  async untilWaiting(): Promise<void> {
    await Promise.resolve()
  }

  async fill(count: number, ageMs: number): Promise<void> {
    const insert = this.db.prepare(
      `insert into oncommit_inbox (consumer_group, uuid, handled_at) values ('g', ?, ?)`,
    )
    this.db.exec('begin immediate')
    for (let n = 0; n < count; n++) insert.run(uuidv7(), Date.now() - ageMs)
    this.db.exec('commit')
    await Promise.resolve()
  }

  /** In a transaction of a sender. */
  async send(...events: readonly OutboxEvent[]): Promise<void> {
    this.db.exec('begin immediate')
    await this.store.append(this.db, events)
    this.db.exec('commit')
  }

  /** As a release without an inbox has made the tables. */
  async toVersionOne(): Promise<void> {
    await Promise.resolve()
    const [first] = MIGRATIONS
    if (first === undefined) throw new Error('there is no migration')
    const made = this.db
      .prepare(
        `select type, name from sqlite_schema where type in ('view', 'table') and name like 'oncommit%' order by type desc`,
      )
      .all()
    for (const { type, name } of made) this.db.exec(`drop ${String(type)} ${String(name)}`)
    this.db.exec(`${bootstrapSql('oncommit')}; ${stepSql('oncommit', first)}`)
  }

  /** Of a query that names it `n`. */
  number(query: string): number {
    return Number(this.db.prepare(query).get()?.['n'])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map(async (store) => store.close()))
    this.db.close()
    await rm(this.folder, { recursive: true })
  }
}

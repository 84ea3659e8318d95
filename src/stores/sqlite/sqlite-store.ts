import type { OutboxEvent } from '../../core/event.ts'
import type { OutboxInspection } from '../../core/outbox-inspection.ts'
import type { OutboxOperations } from '../../core/outbox-operations.ts'
import type { AppliedMigration, OutboxStore, RelaySession } from '../../core/outbox-store.ts'
import { Appender } from './append.ts'
import { check } from './check.ts'
import { Database } from './database.ts'
import { SqliteInbox } from './inbox.ts'
import { SqliteInspection } from './inspection.ts'
import { Listener } from './listener.ts'
import { migrate } from './migrate.ts'
import { SqliteOperations } from './operations.ts'
import { type ResolvedOptions, resolveOptions, type SqliteOptions } from './options.ts'
import { SqliteRelaySession } from './relay-session.ts'
import type { SqliteTransaction } from './sqlite-client.ts'

/**
 * Events in a SQLite file, beside the tables of the application. Senders bring their own connection:
 * a `DatabaseSync` of `node:sqlite`, or a `Database` of better-sqlite3. Throws an `OptionError`.
 *
 * @example
 * const store = sqlite({ file: 'shop.db' })
 * await store.migrate()
 */
export function sqlite(options: SqliteOptions): OutboxStore<SqliteTransaction> {
  return new SqliteStore(resolveOptions(options))
}

class SqliteStore implements OutboxStore<SqliteTransaction> {
  readonly name = 'sqlite'
  readonly outbox: string
  readonly lanes: number = 1
  readonly inbox: SqliteInbox
  readonly #options: ResolvedOptions
  readonly #appender: Appender
  readonly #opened = new Set<Database>()

  constructor(options: ResolvedOptions) {
    this.outbox = options.name
    this.#options = options
    this.#appender = new Appender(options)
    this.inbox = new SqliteInbox({ options, open: () => this.#open() })
  }

  async append(tx: SqliteTransaction, events: readonly OutboxEvent[]): Promise<void> {
    this.#appender.append(tx, events)
  }

  async migrate(): Promise<readonly AppliedMigration[]> {
    const database = this.#open()
    try {
      return await migrate(database, this.outbox)
    } finally {
      database.close()
    }
  }

  async check(): Promise<void> {
    const database = this.#open({ onlyReads: true })
    try {
      await check(database, this.#options.file, this.outbox)
    } finally {
      database.close()
    }
  }

  async openRelaySession(): Promise<RelaySession> {
    return new SqliteRelaySession(this.#open(), this.outbox)
  }

  async openInspection(): Promise<OutboxInspection> {
    return new SqliteInspection(this.#open({ onlyReads: true }), this.outbox)
  }

  async openOperations(): Promise<OutboxOperations> {
    return new SqliteOperations(this.#open(), this.outbox)
  }

  /** Not needed: a commit is seen by whoever listens. */
  announce(): void {}

  async listen(listener: () => void): Promise<AsyncDisposable> {
    const database = this.#open()
    try {
      return await Listener.open(database, this.outbox, listener)
    } catch (error) {
      database.close()
      throw error
    }
  }

  async close(): Promise<void> {
    this.inbox.close()
    for (const database of this.#opened) database.close()
  }

  #open({ onlyReads } = { onlyReads: false }): Database {
    const options = { ...this.#options, onlyReads }
    const database = new Database(options, () => this.#opened.delete(database))
    this.#opened.add(database)
    return database
  }
}

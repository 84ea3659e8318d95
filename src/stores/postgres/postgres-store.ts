import type { OutboxEvent } from '../../core/event.ts'
import type { OutboxInspection } from '../../core/outbox-inspection.ts'
import type { OutboxOperations } from '../../core/outbox-operations.ts'
import type { AppliedMigration, OutboxStore, RelaySession } from '../../core/outbox-store.ts'
import { Announcer, CHANNEL } from './announcer.ts'
import { append } from './append.ts'
import { check } from './check.ts'
import type { Database } from './database.ts'
import { PostgresInbox } from './inbox.ts'
import { PostgresInspection } from './inspection.ts'
import { LANES } from './lanes.ts'
import { migrate } from './migrate.ts'
import { PostgresOperations } from './operations.ts'
import {
  isPostgresJs,
  type PostgresOptions,
  type ResolvedOptions,
  resolveOptions,
} from './options.ts'
import { PgDatabase, pgDatabaseOf } from './pg-database.ts'
import type { PostgresTransaction } from './postgres-client.ts'
import { PostgresJsDatabase } from './postgres-js-database.ts'
import { PostgresRelaySession } from './relay-session.ts'
import { storeFailure } from './store-failure.ts'

/**
 * Events in PostgreSQL 15 or newer, through `pg` or Postgres.js. Throws an `OptionError`.
 *
 * @example
 * const store = postgres({ pool: new Pool({ connectionString }) })
 * await store.migrate()
 */
export function postgres(options: PostgresOptions): OutboxStore<PostgresTransaction> {
  return new PostgresStore(resolveOptions(options))
}

class PostgresStore implements OutboxStore<PostgresTransaction> {
  readonly name = 'postgres'
  readonly outbox: string
  readonly lanes: number = LANES
  readonly inbox: PostgresInbox
  readonly #schema: string
  readonly #statementTimeoutMs: number
  readonly #database: Database
  /** Where a session may be had for long. */
  readonly #direct: Database
  readonly #announcer: Announcer | undefined

  constructor(options: ResolvedOptions) {
    this.outbox = options.schema
    this.#schema = options.quotedSchema
    this.#statementTimeoutMs = options.statementTimeoutMs
    this.#database = databaseOf(options)
    this.inbox = new PostgresInbox({
      database: this.#database,
      schema: this.#schema,
      statementTimeoutMs: this.#statementTimeoutMs,
      retentionMs: options.inboxRetentionMs,
    })
    this.#direct =
      options.directUrl === undefined ? this.#database : pgDatabaseOf(options.directUrl)
    if (!options.pooler || options.directUrl !== undefined)
      this.#announcer = new Announcer(this.#direct, this.outbox)
  }

  append(tx: PostgresTransaction, events: readonly OutboxEvent[]): Promise<void> {
    return append(this.#schema, tx, events)
  }

  async migrate(): Promise<readonly AppliedMigration[]> {
    try {
      return await migrate(this.#database, this.#schema)
    } catch (error) {
      throw storeFailure('migrating', error)
    }
  }

  async check(): Promise<void> {
    try {
      await check(this.#database, this.#schema)
    } catch (error) {
      throw storeFailure('checking the database', error)
    }
  }

  async openRelaySession(): Promise<RelaySession> {
    return new PostgresRelaySession({
      database: this.#direct,
      schema: this.#schema,
      statementTimeoutMs: this.#statementTimeoutMs,
    })
  }

  async openInspection(): Promise<OutboxInspection> {
    return new PostgresInspection(this.#database, this.#schema)
  }

  async openOperations(): Promise<OutboxOperations> {
    return new PostgresOperations(this.#database, this.#schema)
  }

  announce(): void {
    this.#announcer?.announce()
  }

  async listen(listener: () => void): Promise<AsyncDisposable> {
    if (this.#announcer === undefined) return { async [Symbol.asyncDispose]() {} }
    try {
      return await this.#direct.listen(CHANNEL, (outbox) => {
        if (outbox === this.outbox) listener()
      })
    } catch (error) {
      throw storeFailure('listening', error)
    }
  }

  async close(): Promise<void> {
    this.#announcer?.close()
    await this.#database.close()
    if (this.#direct !== this.#database) await this.#direct.close()
  }
}

function databaseOf({ pool, url }: ResolvedOptions): Database {
  if (pool === undefined) return pgDatabaseOf(url ?? '')
  if (isPostgresJs(pool)) return new PostgresJsDatabase(pool)
  return new PgDatabase(async () => pool)
}

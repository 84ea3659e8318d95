import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

import { backoffMs } from '../../core/backoff.ts'
import { systemClock } from '../../core/clock.ts'
import { OncommitError, StoreError, TransactionError } from '../../core/errors.ts'
import {
  cleanInChunks,
  freshUuids,
  type Inbox,
  type InboxWork,
  keptMs,
  notedUuids,
} from '../../core/inbox.ts'
import type { Database } from './database.ts'
import { InboxConnection } from './inbox-connection.ts'
import { endable } from './inbox-handle.ts'
import { cleanChunk, isMissing, isOldestOld, note } from './inbox-statements.ts'
import type { ResolvedOptions } from './options.ts'
import { readVersion, requireVersion } from './schema-version.ts'
import type { SqliteTransaction } from './sqlite-client.ts'
import { isConstraint, storeFailure } from './store-failure.ts'

/** Often, since the lock is not fair. */
const RETRY = { firstMs: 1, maxMs: 2, jitter: 0.5 }
const NOTING = 'noting events in the inbox'
const CLEANING = 'cleaning the inbox'

interface InboxParts {
  readonly options: ResolvedOptions
  /** Opens a connection of the store's. */
  readonly open: () => Database
}

/**
 * Notes what groups have handled in the transactions that have the effects. A file has one writer at
 * a time, so that calls follow each other on one connection; what `work` awaits holds all writers up.
 */
export class SqliteInbox implements Inbox<SqliteTransaction> {
  readonly #parts: InboxParts
  readonly #connection: InboxConnection
  #lastCall: Promise<unknown> = Promise.resolve()

  constructor(parts: InboxParts) {
    this.#parts = parts
    this.#connection = new InboxConnection(parts.options)
  }

  async once(
    group: string,
    uuids: readonly string[],
    work: InboxWork<SqliteTransaction>,
  ): Promise<ReadonlySet<string>> {
    const noted = notedUuids(group, uuids)
    if (noted.length === 0) return new Set()
    const turn = this.#lastCall.then(async () => {
      const database = await this.#begin()
      try {
        const fresh = freshUuids(uuids, await this.#note(database, group, noted))
        if (fresh.size > 0) await this.#work(database, fresh, work)
        this.#commit(database)
        return fresh
      } catch (error) {
        this.#connection.rollBack()
        throw error
      }
    })
    this.#lastCall = turn.catch(() => {})
    return turn
  }

  async clean(
    retentionMs?: number,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    const { open, options } = this.#parts
    const kept = keptMs(retentionMs, options.inboxRetentionMs)
    if (kept === null) return 0
    this.#requireFile()
    const database = open()
    try {
      const version = await database.read(CLEANING, (one) => readVersion(one, options.name))
      requireVersion(version, options.file)
      // Writers are held up only where there is something to do.
      if (!(await database.read(CLEANING, (one) => isOldestOld(one, options.name, kept)))) return 0
      return await cleanInChunks(
        () => database.transaction(CLEANING, (one) => cleanChunk(one, options.name, kept)),
        signal,
      )
    } finally {
      database.close()
    }
  }

  /** A transaction that is open in the midst of its work is rolled back. */
  close(): void {
    this.#connection.close()
  }

  /** Waits for other writers without holding up the process, since one of them may be in it. */
  async #begin(): Promise<DatabaseSync> {
    const { busyTimeoutMs } = this.#parts.options
    const deadline = performance.now() + busyTimeoutMs
    this.#requireFile()
    for (let failures = 1; ; failures++) {
      try {
        const database = this.#connection.begin()
        if (database !== null) return database
      } catch (error) {
        throw storeFailure(NOTING, error)
      }
      if (performance.now() >= deadline)
        throw new StoreError(
          `${NOTING} failed: another connection has kept its write transaction open for ${busyTimeoutMs} ms`,
        )
      await systemClock.sleep(backoffMs(RETRY, failures))
    }
  }

  async #note(
    database: DatabaseSync,
    group: string,
    uuids: readonly string[],
  ): Promise<ReadonlySet<string>> {
    const { name } = this.#parts.options
    try {
      return note(database, name, group, uuids)
    } catch (error) {
      if (isMissing(error, name)) await this.#requireTables()
      throw storeFailure(NOTING, error)
    }
  }

  async #work(
    database: DatabaseSync,
    fresh: ReadonlySet<string>,
    work: InboxWork<SqliteTransaction>,
  ): Promise<void> {
    const handle = endable(database)
    try {
      await work(handle.tx, fresh)
    } finally {
      handle.end()
    }
  }

  #commit(database: DatabaseSync): void {
    if (this.#connection.isClosed)
      throw new OncommitError('ONCOMMIT_STOPPED', 'the inbox was closed')
    if (!database.isTransaction)
      throw new TransactionError('the transaction of the inbox was ended by hand')
    try {
      database.exec('commit')
    } catch (error) {
      // A constraint that is checked at the end.
      throw isConstraint(error)
        ? error
        : storeFailure('committing what the inbox has handled', error)
    }
  }

  /** Opening it would make it. */
  #requireFile(): void {
    const { file } = this.#parts.options
    if (!existsSync(file)) requireVersion(null, file)
  }

  async #requireTables(): Promise<void> {
    const { open, options } = this.#parts
    const database = open()
    try {
      const version = await database.read(NOTING, (one) => readVersion(one, options.name))
      requireVersion(version, options.file)
    } finally {
      database.close()
    }
  }
}

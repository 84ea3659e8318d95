import { DatabaseSync, type StatementSync } from 'node:sqlite'

import { backoffMs } from '../../core/backoff.ts'
import { systemClock } from '../../core/clock.ts'
import { OncommitError, UnsafeStoreError } from '../../core/errors.ts'
import type { SqliteValue } from './sqlite-client.ts'
import { isBusy, storeFailure } from './store-failure.ts'

/** Integers are bigints. */
export type Row = readonly SqliteValue[]

/** Statements, each executed at once. What they throw is the driver's. */
export interface Queryable {
  /** The number of rows that it changed itself. */
  run(sql: string, ...values: SqliteValue[]): number
  all(sql: string, ...values: SqliteValue[]): readonly Row[]
  first(sql: string, ...values: SqliteValue[]): Row | undefined
  /** Row by row: no other statement on the connection before the last one. */
  each(sql: string, ...values: SqliteValue[]): Iterable<Row>
  /** Several statements without values. */
  script(sql: string): void
}

export interface DatabaseOptions {
  readonly file: string
  readonly synchronous: 'full' | 'normal'
  readonly busyTimeoutMs: number
  /** Leaves the file as it is, also without a write-ahead log. @defaultValue false */
  readonly onlyReads?: boolean
}

/** Often, since the lock is not fair: beside writers that never pause, a tenth of the longest wait. */
const RETRY = { firstMs: 1, maxMs: 2, jitter: 0.5 }

/**
 * A connection of the store's own, opened at first use.
 *
 * A transaction is synchronous from begin to commit, so that nothing of this process comes between.
 * Waiting for a lock is not: SQLite's own wait would stop the whole process, and with it the very
 * transaction that it waits for, where that is one of this process that awaits something.
 */
export class Database {
  readonly #options: DatabaseOptions
  readonly #onClosed: () => void
  #connection: Connection | null = null
  #lastTransaction: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(options: DatabaseOptions, onClosed: () => void) {
    this.#options = options
    this.#onClosed = onClosed
  }

  /** Runs `work` in a transaction that may write; one after another, in the order of the calls. */
  transaction<T>(action: string, work: (database: Queryable) => T): Promise<T> {
    const turn = this.#lastTransaction.then(() =>
      this.#patiently(action, () => this.#open().transaction(work)),
    )
    this.#lastTransaction = turn.catch(() => {})
    return turn
  }

  /** Runs `work`, which only reads, at once. */
  read<T>(action: string, work: (database: Queryable) => T): Promise<T> {
    return this.#patiently(action, () => work(this.#open()))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#connection?.close()
    this.#connection = null
    this.#onClosed()
  }

  async #patiently<T>(action: string, work: () => T): Promise<T> {
    const deadline = performance.now() + this.#options.busyTimeoutMs
    for (let failures = 1; ; failures++) {
      try {
        return work()
      } catch (error) {
        if (!isBusy(error)) throw storeFailure(action, error)
        if (performance.now() >= deadline) throw storeFailure(action, error, this.#waited())
      }
      await systemClock.sleep(backoffMs(RETRY, failures))
    }
  }

  #waited(): string {
    return ` (another connection has kept its write transaction open for ${this.#options.busyTimeoutMs} ms)`
  }

  #open(): Connection {
    if (this.#closed) throw new OncommitError('ONCOMMIT_STOPPED', 'the connection was closed')
    if (this.#connection?.isBroken === true) {
      this.#connection.close()
      this.#connection = null
    }
    this.#connection ??= new Connection(this.#options)
    return this.#connection
  }
}

class Connection implements Queryable {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  #isBroken = false

  constructor({ file, synchronous, onlyReads = false }: DatabaseOptions) {
    this.#database = new DatabaseSync(file, { timeout: 0, readBigInts: true, returnArrays: true })
    try {
      if (onlyReads) this.script('pragma query_only = on')
      else this.#turnOnLog(file, synchronous)
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  /** A transaction could not be ended: only closing the connection ends it. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  transaction<T>(work: (database: Queryable) => T): T {
    this.script('begin immediate')
    try {
      const result = work(this)
      this.script('commit')
      return result
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  run(sql: string, ...values: SqliteValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes)
  }

  all(sql: string, ...values: SqliteValue[]): readonly Row[] {
    return this.#prepare(sql).all(...values) as unknown as readonly Row[]
  }

  first(sql: string, ...values: SqliteValue[]): Row | undefined {
    return this.#prepare(sql).get(...values) as unknown as Row | undefined
  }

  each(sql: string, ...values: SqliteValue[]): Iterable<Row> {
    return this.#prepare(sql).iterate(...values) as unknown as Iterable<Row>
  }

  script(sql: string): void {
    this.#database.exec(sql)
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }

  #turnOnLog(file: string, synchronous: DatabaseOptions['synchronous']): void {
    const [mode] = this.first('pragma journal_mode = wal') ?? []
    if (mode !== 'wal')
      throw new UnsafeStoreError(
        `${file} can not have a write-ahead log (journal_mode = wal), which the outbox needs: keep it on a local disk`,
      )
    this.script(`pragma synchronous = ${synchronous}`)
  }

  #rollBack(): void {
    // Some failures end the transaction by themselves.
    if (!this.#database.isTransaction) return
    try {
      this.script('rollback')
    } catch {
      this.#isBroken = true
    }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

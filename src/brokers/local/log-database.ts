import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { BrokerError } from '../../core/errors.ts'
import { isBusy, toBrokerError } from './failures.ts'
import { SCHEMA, SCHEMA_VERSION } from './schema.ts'

const BUSY_TIMEOUT_MS = 5_000
const MEMORY = ':memory:'

/**
 * The log's tables, in memory or in a file that processes share. Opened at first use. A transaction
 * is synchronous from begin to commit: nothing of this process comes between.
 */
export class LogDatabase {
  readonly #file: string
  readonly #synchronous: string
  readonly #statements = new Map<string, StatementSync>()
  #database: DatabaseSync | null = null

  constructor(file: string | null, synchronous: 'full' | 'normal') {
    this.#file = file ?? MEMORY
    this.#synchronous = synchronous
  }

  /** Other processes may write to it. */
  get isShared(): boolean {
    return this.#file !== MEMORY
  }

  statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#open().prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /** Runs `work` in one transaction that may write. Throws a `BrokerError`, nothing being written. */
  transaction<T>(work: () => T): T {
    return this.#within('begin immediate', work)
  }

  /** Runs `work` on one state of the log. */
  snapshot<T>(work: () => T): T {
    return this.#within('begin', work)
  }

  /** Changes when another connection has written. 0 while it is not open. */
  dataVersion(): number {
    if (this.#database === null || !this.isShared) return 0
    const row = this.statement('pragma data_version').get() as { data_version: number }
    return row.data_version
  }

  /** Closes the file; the next use opens it again. What is in memory stays as long as the broker. */
  close(): void {
    if (!this.isShared) return
    this.#statements.clear()
    this.#database?.close()
    this.#database = null
  }

  #within<T>(begin: string, work: () => T): T {
    try {
      this.statement(begin).run()
      const result = work()
      this.statement('commit').run()
      return result
    } catch (error) {
      if (this.#database?.isTransaction === true) this.statement('rollback').run()
      throw toBrokerError(error)
    }
  }

  #open(): DatabaseSync {
    if (this.#database !== null) return this.#database
    const database = new DatabaseSync(this.#file, { timeout: BUSY_TIMEOUT_MS })
    try {
      useWriteAheadLog(database)
      database.exec(`pragma synchronous = ${this.#synchronous}`)
      makeTables(database)
    } catch (error) {
      database.close()
      throw error
    }
    this.#database = database
    return database
  }
}

/** Several processes that make the file at once find it locked, and SQLite doesn't wait here. */
function useWriteAheadLog(database: DatabaseSync): void {
  const deadline = performance.now() + BUSY_TIMEOUT_MS
  for (;;) {
    try {
      database.exec('pragma journal_mode = wal')
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

function makeTables(database: DatabaseSync): void {
  database.exec('begin immediate')
  try {
    const { user_version: found } = database.prepare('pragma user_version').get() as {
      user_version: number
    }
    if (found === 0) database.exec(`${SCHEMA}; pragma user_version = ${SCHEMA_VERSION}`)
    else if (found !== SCHEMA_VERSION) {
      throw new BrokerError(
        'misconfigured',
        `the log's file is of version ${found}, this release works with ${SCHEMA_VERSION}: use another file`,
      )
    }
    database.exec('commit')
  } catch (error) {
    database.exec('rollback')
    throw error
  }
}

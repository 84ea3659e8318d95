import { DatabaseSync } from 'node:sqlite'

import { OncommitError } from '../../core/errors.ts'
import { isBusy } from './store-failure.ts'

/**
 * The connection on which an inbox works: one transaction at a time, across what its work awaits. It
 * is opened at first use, and given up where a transaction on it could not be ended.
 */
export class InboxConnection {
  readonly #options: { readonly file: string; readonly synchronous: 'full' | 'normal' }
  #database: DatabaseSync | null = null
  #closed = false

  constructor(options: { readonly file: string; readonly synchronous: 'full' | 'normal' }) {
    this.#options = options
  }

  /** Begins a transaction that may write; `null` where another connection has one. */
  begin(): DatabaseSync | null {
    const database = this.#open()
    try {
      database.exec('begin immediate')
      return database
    } catch (error) {
      if (isBusy(error)) return null
      throw error
    }
  }

  /** Rolls back what is open. */
  rollBack(): void {
    const database = this.#database
    // Some failures end the transaction by themselves.
    if (database === null || !database.isTransaction) return
    try {
      database.exec('rollback')
    } catch {
      this.#drop()
    }
  }

  close(): void {
    this.#closed = true
    this.#drop()
  }

  get isClosed(): boolean {
    return this.#closed
  }

  #open(): DatabaseSync {
    if (this.#closed) throw new OncommitError('ONCOMMIT_STOPPED', 'the inbox was closed')
    if (this.#database !== null) {
      // What somebody has left open by using the connection after their turn.
      this.rollBack()
      if (this.#database !== null) return this.#database
    }
    const database = new DatabaseSync(this.#options.file, { timeout: 0 })
    try {
      database.exec(`pragma journal_mode = wal; pragma synchronous = ${this.#options.synchronous}`)
    } catch (error) {
      database.close()
      throw error
    }
    this.#database = database
    return database
  }

  #drop(): void {
    this.#database?.close()
    this.#database = null
  }
}

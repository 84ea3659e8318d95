import { OncommitError, StoreError } from '../../core/errors.ts'
import type { Connection, Database } from './database.ts'
import { storeFailure } from './store-failure.ts'

/**
 * A connection of a relay's own, opened at first use. One job at a time. After any failure it is
 * given up and the next job opens another: a failed job may have left a transaction behind.
 */
export class SessionConnection {
  readonly #database: Database
  readonly #timeoutMs: number
  readonly #onLost: () => void
  #connection: Connection | undefined
  #queue: Promise<unknown> = Promise.resolve()
  #closed = false

  /** `timeoutMs`: how long a job may take, the server's own timeout of a statement included. */
  constructor(database: Database, timeoutMs: number, onLost: () => void) {
    this.#database = database
    this.#timeoutMs = timeoutMs
    this.#onLost = onLost
  }

  /** Runs a job after those before it. Its failure becomes a `StoreError` that names `action`. */
  run<T>(action: string, job: (connection: Connection) => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => this.#attempt(action, job))
    this.#queue = result.catch(() => {})
    return result
  }

  close(): void {
    this.#closed = true
    this.#drop()
  }

  async #attempt<T>(action: string, job: (connection: Connection) => Promise<T>): Promise<T> {
    const deadline = Promise.withResolvers<never>()
    let over = false
    const timer = setTimeout(() => {
      deadline.reject(new StoreError(`${action} failed: no answer in ${this.#timeoutMs} ms`))
    }, this.#timeoutMs)
    try {
      const work = this.#open(() => over).then(job)
      return await Promise.race([work, deadline.promise])
    } catch (error) {
      this.#drop()
      this.#onLost()
      throw storeFailure(action, error)
    } finally {
      over = true
      clearTimeout(timer)
    }
  }

  async #open(isOver: () => boolean): Promise<Connection> {
    if (!this.#closed && this.#connection !== undefined) return this.#connection
    const connection = this.#closed ? undefined : await this.#database.open()
    if (connection === undefined || this.#isClosed() || isOver()) {
      connection?.close()
      throw new OncommitError('ONCOMMIT_STOPPED', 'the session of a relay was closed')
    }
    this.#connection = connection
    return connection
  }

  // A method, since the compiler would take it for unchanged across an await.
  #isClosed(): boolean {
    return this.#closed
  }

  #drop(): void {
    this.#connection?.close(true)
    this.#connection = undefined
  }
}

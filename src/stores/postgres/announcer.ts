import type { Database, Queryable } from './database.ts'

/** The channel of all outboxes of a database; the payload says which. */
export const CHANNEL = 'oncommit'

/** The commit follows the send. */
const DELAY_MS = 5
const INTERVAL_MS = 50

/**
 * Tells other processes that events may have been sent: at most every 50 ms, the first at once.
 * Never in the caller's transaction: `NOTIFY` makes commits wait for each other, and a full queue
 * of them lets commits fail.
 */
export class Announcer {
  readonly #database: Queryable
  readonly #outbox: string
  #timer: NodeJS.Timeout | undefined
  #nextAt = 0
  #again = false

  constructor(database: Database, outbox: string) {
    this.#database = database
    this.#outbox = outbox
  }

  announce(): void {
    if (this.#timer !== undefined) {
      this.#again = true
      return
    }
    const now = performance.now()
    const delay = Math.max(DELAY_MS, this.#nextAt - now)
    this.#nextAt = now + delay + INTERVAL_MS
    this.#again = false
    this.#timer = setTimeout(() => void this.#send(), delay)
    // A process that has nothing else to do may end.
    this.#timer.unref()
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  async #send(): Promise<void> {
    const sent = this.#again
    this.#again = false
    try {
      // A hint is not worth a flush, during which the lock of all notifications would be held.
      await this.#database.query(
        `SELECT set_config('synchronous_commit', 'off', true), pg_notify($1::text, $2::text)`,
        [CHANNEL, this.#outbox],
      )
    } catch {
      // A hint: relays poll as well.
    }
    this.#timer = undefined
    if (sent || this.#again) this.announce()
  }
}

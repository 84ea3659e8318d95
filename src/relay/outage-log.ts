import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { reasonOf } from '../core/errors.ts'

const EVERY_MS = 60_000

/** Reports what lasts: at once, then once a minute, and when it is over. */
export class OutageLog {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #open = new Map<string, { since: number; logged: number; error: unknown }>()

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger
    this.#clock = clock
  }

  failing(what: string, error: unknown): void {
    const now = this.#clock.monotonic()
    const outage = this.#open.get(what)
    if (outage === undefined) {
      this.#open.set(what, { since: now, logged: now, error })
      this.#logger.error(`oncommit: ${what}: ${reasonOf(error)}`)
      return
    }
    outage.error = error
    if (now - outage.logged < EVERY_MS) return
    outage.logged = now
    const seconds = Math.round((now - outage.since) / 1000)
    this.#logger.error(`oncommit: ${what}, for ${seconds} s now: ${reasonOf(error)}`)
  }

  over(what: string): void {
    const outage = this.#open.get(what)
    if (outage === undefined) return
    this.#open.delete(what)
    const seconds = Math.round((this.#clock.monotonic() - outage.since) / 1000)
    this.#logger.info(`oncommit: over after ${seconds} s: ${what}`)
  }

  /** What went on in a life of the relay that is over; the next one finds out for itself. */
  forget(): void {
    this.#open.clear()
  }

  /** What is going on, for a status. */
  current(): readonly { what: string; sinceMs: number; error: string }[] {
    const now = this.#clock.monotonic()
    return [...this.#open].map(([what, { since, error }]) => ({
      what,
      sinceMs: now - since,
      error: reasonOf(error),
    }))
  }
}

import type { Clock } from '../../core/clock.ts'
import type { LogDatabase } from './log-database.ts'

const POLL_MS = 10

/**
 * Wakes those who wait for the log to change: at once for what this broker wrote, within some ten
 * milliseconds for what another process did.
 */
export class Changes {
  readonly #database: LogDatabase
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()
  #count = 0
  #dataVersion = 0
  #poll: NodeJS.Timeout | null = null

  constructor(database: LogDatabase, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  /** Taken before looking at the log; `wait` then misses nothing that came after. */
  seen(): number {
    const dataVersion = this.#database.dataVersion()
    if (dataVersion !== this.#dataVersion) {
      this.#dataVersion = dataVersion
      this.#count++
    }
    return this.#count
  }

  notify(): void {
    this.#count++
    for (const wake of this.#waiting) wake()
  }

  /** Resolves when the log has changed since `seen`, after `ms`, or when `signal` aborts. */
  async wait(seen: number, ms: number, signal?: AbortSignal): Promise<void> {
    if (this.seen() !== seen || signal?.aborted === true) return
    const woken = new AbortController()
    const wake = (): void => woken.abort()
    this.#waiting.add(wake)
    signal?.addEventListener('abort', wake, { once: true })
    this.#startPolling()
    try {
      await this.#clock.sleep(ms, woken.signal)
    } finally {
      signal?.removeEventListener('abort', wake)
      this.#waiting.delete(wake)
      if (this.#waiting.size === 0) this.#stopPolling()
    }
  }

  #startPolling(): void {
    if (!this.#database.isShared || this.#poll !== null) return
    this.#poll = setInterval(() => this.#look(), POLL_MS).unref()
  }

  #stopPolling(): void {
    if (this.#poll !== null) clearInterval(this.#poll)
    this.#poll = null
  }

  #look(): void {
    const before = this.#count
    try {
      if (this.seen() !== before) for (const wake of this.#waiting) wake()
    } catch {
      // Whoever waits looks at the file next, and reports what is wrong with it.
      this.notify()
    }
  }
}

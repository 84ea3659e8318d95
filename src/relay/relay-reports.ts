import type { Clock } from '../core/clock.ts'
import type { RelayReport } from '../core/outbox-store.ts'
import type { OutageLog } from './outage-log.ts'

/** What one life of a relay says of itself to operators. */
export class RelayReports {
  readonly #outages: OutageLog
  readonly #clock: Clock
  readonly #broker: string
  #settledAt: number | null = null

  /** `broker`: by what name the outage of the broker is logged. */
  constructor(outages: OutageLog, clock: Clock, broker: string) {
    this.#outages = outages
    this.#clock = clock
    this.#broker = broker
  }

  /** Hears of what was settled, and passes it on. */
  countingTo(onSettled: (events: number) => void): (events: number) => void {
    return (events) => {
      this.#settledAt = this.#clock.monotonic()
      onSettled(events)
    }
  }

  now(): RelayReport {
    const failing = this.#outages.current()
    return {
      brokerAwayMs: failing.find(({ what }) => what === this.#broker)?.sinceMs ?? null,
      lastError: failing.map(({ what, error }) => `${what}: ${error}`).join('; ') || null,
      settledMs: this.#settledAt === null ? null : this.#clock.monotonic() - this.#settledAt,
    }
  }
}

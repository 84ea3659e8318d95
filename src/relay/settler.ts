import { backoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { countIds } from '../core/id-ranges.ts'
import type { RelaySession, SettledBatch } from '../core/outbox-store.ts'
import type { OutageLog } from './outage-log.ts'

const RETRY = { firstMs: 50, maxMs: 5_000, jitter: 0.2 }
const SETTLING = 'published batches can not be settled in the database'

/**
 * Takes batches from "appended" to "settled": commits in order, then records in the store.
 *
 * At most two batches are visible and unsettled at any time, since a takeover learns of two: the
 * third is not appended before the first is settled. Commits follow each other, and so do settles;
 * they run beside the next batch's append. What the broker acknowledged is a fact, and settled however long the
 * database is away.
 */
export class Settler {
  readonly #session: Pick<RelaySession, 'settle'>
  readonly #outages: OutageLog
  readonly #clock: Clock
  readonly #giveUp: AbortSignal
  readonly #onSettled: (events: number) => void
  readonly #unsettled: Promise<void>[] = []
  #number = 0
  #lastCommit: Promise<void> = Promise.resolve()
  #lastSettle: Promise<void> = Promise.resolve()

  constructor(parts: {
    session: Pick<RelaySession, 'settle'>
    outages: OutageLog
    clock: Clock
    /** Aborted when even facts are not worth waiting for: the process wants to end. */
    giveUp: AbortSignal
    onSettled: (events: number) => void
  }) {
    this.#onSettled = parts.onSettled
    this.#session = parts.session
    this.#outages = parts.outages
    this.#clock = parts.clock
    this.#giveUp = parts.giveUp
  }

  /**
   * The number of the batch to append next, which `accept` takes. One of which nothing was written
   * takes none: a broker tells the last two visible batches apart by numbers that follow each other.
   */
  get nextNumber(): number {
    return this.#number + 1
  }

  /** Resolves when another batch may be appended. Rejects where a commit before it failed. */
  async ready(): Promise<void> {
    while (this.#unsettled.length > 1) await this.#unsettled[0]
  }

  /** Resolves when nothing is unsettled. Never rejects: whoever waits looks at what failed. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#unsettled)
  }

  /** Commits and settles; resolves when settled, rejects where the commit's outcome is unknown. */
  accept(batch: SettledBatch, commit: () => Promise<void>): Promise<void> {
    this.#number = batch.number
    const committed = this.#lastCommit.then(commit)
    this.#lastCommit = committed
    // In order: the store takes a number at or below the last settled one as settled before.
    const settled = Promise.all([committed, this.#lastSettle]).then(() => this.#settle(batch))
    this.#lastSettle = settled
    this.#unsettled.push(settled)
    const leave = (): void => {
      const at = this.#unsettled.indexOf(settled)
      if (at >= 0) void this.#unsettled.splice(at, 1)
    }
    // A failed one stays: `ready` rejects with it, and nothing more is appended.
    settled.then(leave, () => {})
    return settled
  }

  async #settle(batch: SettledBatch): Promise<void> {
    for (let failures = 1; ; failures++) {
      try {
        await this.#session.settle(batch)
        this.#outages.over(SETTLING)
        this.#onSettled(countIds(batch.ids))
        return
      } catch (error) {
        this.#outages.failing(SETTLING, error)
        if (this.#giveUp.aborted) throw error
        await this.#clock.sleep(backoffMs(RETRY, failures), this.#giveUp)
      }
    }
  }
}

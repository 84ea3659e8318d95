import type { Clock } from '../../core/clock.ts'
import { BatchError, Reject, RetryAfter } from '../../core/errors.ts'
import type { Backlog, Entries } from './backlog.ts'
import type { DeadLetters } from '../dead-letters.ts'
import type { Entry, Lane } from './entry.ts'
import type { ConsumeSettings } from './options.ts'
import type { Failed } from './outcome.ts'
import type { Run } from './runs.ts'
import type { Troubles } from './troubles.ts'

/** How long the consumer rests where the inbox's database is away: after each failure, longer. */
const INBOX_REST = { firstMs: 200, maxMs: 10_000 }

export interface SetbacksParts {
  readonly settings: ConsumeSettings
  readonly clock: Clock
  readonly backlog: Backlog
  readonly troubles: Troubles
  readonly deadLetters: Pick<DeadLetters, 'send'> | null
  /** Aborted when the consumer is over. */
  readonly closed: AbortSignal
  /** These were handled before one of their batch failed. */
  readonly onHandled: (entries: readonly Entry[]) => void
  /** More may start. */
  readonly onReady: () => void
  /** More may start, and a mark may have moved. */
  readonly onProgress: () => void
  /** An event is blocked: a drain must not wait for it. */
  readonly onBlocked: () => void
}

/**
 * What becomes of events that are not handled: they wait in their lanes and are tried again, until
 * they are dead letters. Where the inbox's database is away, nothing starts before it has rested.
 */
export class Setbacks {
  readonly #parts: SetbacksParts
  #isResting = false
  #awayFailures = 0
  #dead = 0

  constructor(parts: SetbacksParts) {
    this.#parts = parts
  }

  /** Events that are dead letters now. */
  get dead(): number {
    return this.#dead
  }

  get isResting(): boolean {
    return this.#isResting
  }

  /** Something was handled: the inbox is there. */
  wentWell(): void {
    if (this.#awayFailures === 0) return
    this.#awayFailures = 0
    this.#parts.troubles.inboxIsBack()
  }

  /** Whether an earlier event of its key is dead, and it has to go the same way. */
  follows({ lane, orderKey }: Entry): boolean {
    const { deadKeys } = lane.of
    return deadKeys.size > 0 && orderKey !== null && deadKeys.has(orderKey)
  }

  failed(entries: readonly Entry[], outcome: Failed): void {
    const { settings, clock, troubles, deadLetters } = this.#parts
    const { error, isUndone = false } = outcome
    const index = error instanceof BatchError ? error.index : null
    const at = index === null || isUndone || entries[index] === undefined ? 0 : index
    const failed = entries[at]
    if (failed === undefined) return
    const { lane } = failed
    // The lane is not to go on by these: what failed behind them waits.
    if (at > 0) this.#parts.onHandled(entries.slice(0, at))
    lane.state = 'waiting'
    if (entries.length > 1 && (isUndone || at !== index)) {
      // Nobody says which one it was: they are given one by one from here.
      lane.singles = entries.length
      return void this.#wait(failed, settings.retry.waitMs(1))
    }
    const cause = error instanceof BatchError ? (error.cause ?? error) : error
    failed.failed(clock.now())
    const isRefused = cause instanceof Reject
    if (isRefused || failed.attempts >= settings.retry.attempts) {
      if (deadLetters !== null) return void this.bury(failed, cause)
      troubles.blocked(failed, cause)
    } else troubles.failed(failed, cause)
    const failures = isRefused ? Number.MAX_SAFE_INTEGER : failed.attempts
    const ms = cause instanceof RetryAfter ? cause.ms : settings.retry.waitMs(failures)
    void this.#wait(failed, ms)
  }

  /** The event is handled when its dead letter is acknowledged, and not before. */
  async bury(entry: Entry, error: unknown): Promise<void> {
    const { deadLetters, settings, clock, closed, backlog, troubles } = this.#parts
    const { lane } = entry
    lane.state = 'waiting'
    for (let failures = 1; ; failures++) {
      try {
        await deadLetters?.send(entry, error)
        break
      } catch (sendError) {
        troubles.blocked(entry, sendError)
        this.#parts.onBlocked()
        await clock.sleep(settings.retry.waitMs(failures), closed)
      }
      if (entry.isAbandoned || closed.aborted) return
    }
    if (entry.isAbandoned) return
    this.#dead += 1
    troubles.buried(entry, error)
    if (settings.afterDead === 'follow' && entry.orderKey !== null)
      lane.of.deadKeys.add(entry.orderKey)
    backlog.handled(lane)
    backlog.offer(lane)
    this.#parts.onProgress()
  }

  /** The inbox can't take any event: none is tried before it has rested. */
  async rest(lane: Lane, error: unknown): Promise<void> {
    const { backlog, troubles, clock, closed, onProgress } = this.#parts
    backlog.offer(lane)
    if (this.#isResting) return
    this.#isResting = true
    this.#awayFailures += 1
    troubles.inboxIsAway(error)
    const { firstMs, maxMs } = INBOX_REST
    const ms = Math.min(maxMs, firstMs * 2 ** Math.min(this.#awayFailures - 1, 20))
    await clock.sleep(ms, closed)
    this.#isResting = false
    onProgress()
  }

  /** The event is with a handler that was abandoned with it, and is not run beside itself. */
  async waitFor(older: Run, [first]: Entries): Promise<void> {
    first.lane.state = 'waiting'
    await older.ended
    this.#again(first)
  }

  async #wait(entry: Entry, ms: number): Promise<void> {
    const { clock, closed } = this.#parts
    entry.dueAt = clock.monotonic() + ms
    await clock.sleep(ms, closed)
    this.#again(entry)
  }

  #again(entry: Entry): void {
    if (entry.isAbandoned || this.#parts.closed.aborted) return
    this.#parts.backlog.offer(entry.lane)
    this.#parts.onReady()
  }
}

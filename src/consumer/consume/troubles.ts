import type { Clock } from '../../core/clock.ts'
import { reasonOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { Entry } from './entry.ts'
import { RareLines } from './rare-lines.ts'
import type { Run } from './runs.ts'

/** The event that holds a consumer up. */
export interface HeldEvent {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly key: string | null
  /** Failures so far. */
  readonly attempts: number
  /** Since it was first given to the handler. */
  readonly ageMs: number
  /** What it fails with; `null` where the handler has not ended. */
  readonly reason: string | null
}

export interface TroublesParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly name: string
}

/** What holds a consumer up: each is reported once when it begins, and once when it is over, unless there are too many. */
export class Troubles {
  readonly #parts: TroublesParts
  readonly #blocked = new Map<Entry, { readonly since: Date; readonly reason: string }>()
  readonly #failures: RareLines
  readonly #blocks: RareLines
  readonly #cures: RareLines
  #awaySince: Date | null = null

  constructor(parts: TroublesParts) {
    this.#parts = parts
    this.#failures = new RareLines(parts.clock)
    this.#blocks = new RareLines(parts.clock)
    this.#cures = new RareLines(parts.clock)
  }

  /** The event that is blocked for the longest time. */
  get firstBlocked(): { readonly since: Date; readonly event: HeldEvent } | null {
    for (const [entry, { since, reason }] of this.#blocked)
      return { since, event: this.describe(entry, reason) }
    return null
  }

  /** Since when the inbox's database is away. */
  get awaySince(): Date | null {
    return this.#awaySince
  }

  has(entry: Entry): boolean {
    return this.#blocked.has(entry)
  }

  describe(entry: Entry, reason: string | null): HeldEvent {
    const { topic, partition, key, attempts, beganAt } = entry
    const { clock } = this.#parts
    const ageMs = beganAt === null ? 0 : clock.now() - beganAt
    return { topic, partition, offset: entry.record.offset, key, attempts, ageMs, reason }
  }

  failed(entry: Entry, error: unknown): void {
    if (entry.attempts > 1) return
    const { logger, name } = this.#parts
    const line = `oncommit: ${name} failed at ${entry.place} and tries again: ${reasonOf(error)}`
    this.#failures.say((rest) => logger.warn(line + rest))
  }

  blocked(entry: Entry, error: unknown): void {
    if (this.#blocked.has(entry)) return
    const { logger, name } = this.#parts
    const line = `oncommit: ${name} is blocked at ${entry.place}, and tries on: ${reasonOf(error)}`
    this.#blocks.say((rest) => logger.error(line + rest))
    this.ended(entry, error)
  }

  /** The consumer ends before the event, and says so itself. */
  ended(entry: Entry, error: unknown): void {
    this.#blocked.set(entry, {
      since: new Date(this.#parts.clock.now()),
      reason: reasonOf(error),
    })
  }

  cured(entry: Entry): void {
    if (this.#blocked.size === 0 || !this.#blocked.delete(entry)) return
    const line = `oncommit: ${this.#parts.name} goes on behind ${entry.place}`
    this.#cures.say((rest) => this.#parts.logger.info(line + rest))
  }

  buried(entry: Entry, error: unknown): void {
    this.#blocked.delete(entry)
    this.#parts.logger.error(
      `oncommit: ${this.#parts.name} made ${entry.place} a dead letter: ${reasonOf(error)}`,
    )
  }

  stuck(run: Run): void {
    const { clock, logger, name } = this.#parts
    const [first] = run.entries
    const ms = Math.round(clock.monotonic() - run.start)
    logger.error(`oncommit: ${name} is stuck: its handler has ${first.place} for ${ms} ms`)
  }

  unstuck(run: Run): void {
    const { logger, name } = this.#parts
    logger.info(`oncommit: ${name} is not stuck any more at ${run.entries[0].place}`)
  }

  inboxIsAway(error: unknown): void {
    if (this.#awaySince !== null) return
    const { clock, logger, name } = this.#parts
    this.#awaySince = new Date(clock.now())
    logger.error(`oncommit: ${name} waits for its inbox: ${reasonOf(error)}`)
  }

  inboxIsBack(): void {
    if (this.#awaySince === null) return
    this.#awaySince = null
    this.#parts.logger.info(`oncommit: ${this.#parts.name} has its inbox again`)
  }

  /** The events are another's, and what they waited for is: nothing may come here that would end it. */
  forgetEvents(): void {
    this.#blocked.clear()
    this.#awaySince = null
  }
}

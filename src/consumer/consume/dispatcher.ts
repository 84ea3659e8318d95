import type { Clock } from '../../core/clock.ts'
import { BatchError, Reject, RetryAfter } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { Backlog } from './backlog.ts'
import type { DeadLetters } from '../dead-letters.ts'
import { Runs, type Run } from './runs.ts'
import { Troubles } from './troubles.ts'
import type { ConsumeSettings } from './options.ts'
import type { Entry, Lane, PartitionWork } from './partition-work.ts'

/** How long the consumer rests where the inbox's database is away: after each failure, longer. */
const INBOX_REST = { firstMs: 200, maxMs: 10_000 }

export type Entries = readonly [Entry, ...Entry[]]

/** What became of a call of the handler; `count` events from the first one were given to it. */
export type Outcome =
  | { readonly state: 'handled'; readonly count: number }
  /** `isUndone`: what was done for those before the failed one is undone. */
  | {
      readonly state: 'failed'
      readonly error: unknown
      readonly count: number
      readonly isUndone?: boolean
    }
  /** The inbox's database is away: no event's fault. */
  | { readonly state: 'away'; readonly error: unknown }
  /** The first one is passed over, as `onBroken` said. */
  | { readonly state: 'skipped' }
  /** To be a dead letter, without an attempt. */
  | { readonly state: 'dead'; readonly error: unknown }
  /** The consumer can't go on. */
  | { readonly state: 'over'; readonly error: unknown }

export interface DispatcherParts {
  readonly settings: ConsumeSettings
  readonly clock: Clock
  readonly logger: Logger
  readonly name: string
  readonly deadLetters: Pick<DeadLetters, 'send'> | null
  /** Calls the handler. Never rejects. */
  readonly call: (run: Run) => Promise<Outcome>
  /** `null` where the partitions are certainly this consumer's; else the group is to be heard first. */
  readonly heard: () => Promise<void> | null
  /** A mark may have moved, or there is room for more. */
  readonly onProgress: () => void
  readonly onOver: (error: unknown) => void
}

/**
 * Gives events to the handler: one at a time of a lane, `concurrency` of them side by side.
 *
 * An event that fails waits in its lane, and takes no place of the others. While it drains (the
 * group takes the partitions, or the consumer stops) it starts only what is in hand already, because
 * a later event of the partition was handed out; an event that is blocked is let go.
 */
export class Dispatcher {
  readonly backlog: Backlog
  readonly runs: Runs
  readonly troubles: Troubles
  readonly #parts: DispatcherParts
  readonly #closed = new AbortController()
  #isDraining = false
  #isPaused = false
  #isResting = false
  #isListening = false
  #awayFailures = 0
  #handled = 0
  #dead = 0
  #skipped = 0

  constructor(parts: DispatcherParts) {
    const { settings, clock, logger, name } = parts
    this.#parts = parts
    this.troubles = new Troubles({ clock, logger, name })
    this.runs = new Runs({
      clock,
      timeoutMs: settings.timeout,
      onStuck: (run) => this.troubles.stuck(run),
    })
    this.backlog = new Backlog({
      order: settings.order,
      window: settings.window,
      windowBytes: settings.windowBytes,
      batch: settings.maxEvents,
      onPartial: (lane) => void this.#fill(lane),
    })
  }

  get handled(): number {
    return this.#handled
  }

  get dead(): number {
    return this.#dead
  }

  get skipped(): number {
    return this.#skipped
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Whether it could start more calls than it has events for. */
  get isHungry(): boolean {
    const isIdle = this.#isPaused || this.#isDraining || this.#isResting
    return !isIdle && this.backlog.ready + this.runs.size < 2 * this.#parts.settings.concurrency
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.start()
  }

  /** Starts what may start. */
  start(): void {
    const { concurrency } = this.#parts.settings
    const heard = this.#parts.heard()
    if (heard !== null) return void this.#startWhen(heard)
    while (this.runs.size < concurrency && !this.#isResting) {
      if (this.#isPaused && !this.#isDraining) return
      const entries = this.backlog.take()
      if (entries === null) return
      void this.#work(entries)
    }
  }

  /** From now on only what is in hand is finished. */
  drain(): void {
    this.#isDraining = true
    this.backlog.keepInHand()
    this.start()
    this.#letGo()
  }

  /** Nothing that was fetched is this consumer's any more. Gives how many events were with the handler. */
  abandon(): number {
    this.backlog.abandon()
    this.troubles.forgetEvents()
    this.#isDraining = false
    return this.runs.abandon()
  }

  close(): void {
    this.#closed.abort()
    this.runs.close()
  }

  /** Another member may have what was fetched: nothing starts before the group says whose it is. */
  async #startWhen(heard: Promise<void>): Promise<void> {
    if (this.#isListening) return
    this.#isListening = true
    await heard
    this.#isListening = false
    this.start()
  }

  async #work(entries: Entries): Promise<void> {
    const [first] = entries
    const { lane } = first
    const older = this.runs.abandonedWith(first)
    if (older !== undefined) {
      lane.state = 'waiting'
      await older.ended.promise
      return this.#again(first)
    }
    if (this.#follows(first)) return this.#bury(first, 'an earlier event of its key is dead')
    const run = this.runs.begin(entries)
    const outcome = await this.#parts.call(run)
    this.runs.end(run)
    if (run.isStuck) this.troubles.unstuck(run)
    if (!first.isAbandoned) this.#conclude(entries, outcome)
    this.start()
    this.#parts.onProgress()
    this.#letGo()
  }

  #conclude(entries: Entries, outcome: Outcome): void {
    const [first] = entries
    if (outcome.state === 'handled') return this.#finish(entries.slice(0, outcome.count))
    if (outcome.state === 'skipped') return this.#skip(first)
    if (outcome.state === 'failed') return this.#failed(entries.slice(0, outcome.count), outcome)
    if (outcome.state === 'away') return void this.#rest(first.lane, outcome.error)
    if (outcome.state === 'dead') return void this.#bury(first, outcome.error)
    first.lane.state = 'waiting'
    this.troubles.blocked(first, outcome.error)
    this.#parts.onOver(outcome.error)
  }

  #skip(entry: Entry): void {
    this.#skipped += 1
    this.#finish([entry])
  }

  #finish(entries: readonly Entry[]): void {
    this.#settle(entries)
    const [first] = entries
    if (first !== undefined) this.backlog.offer(first.lane)
  }

  /** Counts them, in their order; the lane may not go on by that. */
  #settle(entries: readonly Entry[]): void {
    if (entries.length > 0 && this.#awayFailures > 0) {
      this.troubles.inboxIsBack()
      this.#awayFailures = 0
    }
    for (const entry of entries) {
      this.troubles.cured(entry)
      this.backlog.handled(entry.lane)
    }
    this.#handled += entries.length
  }

  #failed(entries: readonly Entry[], outcome: Outcome & { state: 'failed' }): void {
    const { settings, clock } = this.#parts
    const { error, isUndone = false } = outcome
    const index = error instanceof BatchError ? error.index : null
    const at = index === null || isUndone || entries[index] === undefined ? 0 : index
    const failed = entries[at]
    if (failed === undefined) return
    const { lane } = failed
    this.#settle(entries.slice(0, at))
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
      if (this.#parts.deadLetters !== null) return void this.#bury(failed, cause)
      this.troubles.blocked(failed, cause)
    } else this.troubles.failed(failed, cause)
    const failures = isRefused ? Number.MAX_SAFE_INTEGER : failed.attempts
    void this.#wait(
      failed,
      cause instanceof RetryAfter ? cause.ms : settings.retry.waitMs(failures),
    )
  }

  async #wait(entry: Entry, ms: number): Promise<void> {
    await this.#parts.clock.sleep(ms, this.#closed.signal)
    this.#again(entry)
  }

  #again(entry: Entry): void {
    if (entry.isAbandoned || this.#closed.signal.aborted) return
    this.backlog.offer(entry.lane)
    this.start()
  }

  /** The inbox can't take any event: none is tried before it has rested. */
  async #rest(lane: Lane, error: unknown): Promise<void> {
    this.backlog.offer(lane)
    if (this.#isResting) return
    this.#isResting = true
    this.#awayFailures += 1
    this.troubles.inboxIsAway(error)
    const { firstMs, maxMs } = INBOX_REST
    const ms = Math.min(maxMs, firstMs * 2 ** Math.min(this.#awayFailures - 1, 20))
    await this.#parts.clock.sleep(ms, this.#closed.signal)
    this.#isResting = false
    this.start()
    this.#parts.onProgress()
  }

  #follows({ lane }: Entry): boolean {
    return lane.key !== null && lane.of.deadKeys.has(lane.key)
  }

  /** The event is handled when its dead letter is acknowledged, and not before. */
  async #bury(entry: Entry, error: unknown): Promise<void> {
    const { deadLetters, settings, clock } = this.#parts
    const { lane } = entry
    lane.state = 'waiting'
    for (let failures = 1; ; failures++) {
      try {
        await deadLetters?.send(entry, error)
        break
      } catch (sendError) {
        this.troubles.blocked(entry, sendError)
        this.#letGo()
        await clock.sleep(settings.retry.waitMs(failures), this.#closed.signal)
      }
      if (entry.isAbandoned || this.#closed.signal.aborted) return
    }
    if (entry.isAbandoned) return
    this.#dead += 1
    this.troubles.buried(entry, error)
    if (settings.afterDead === 'follow' && lane.key !== null) lane.of.deadKeys.add(lane.key)
    this.backlog.handled(lane)
    this.backlog.offer(lane)
    this.start()
    this.#parts.onProgress()
    this.#letGo()
  }

  async #fill(lane: Lane): Promise<void> {
    if (lane.isFilling) return
    lane.isFilling = true
    await this.#parts.clock.sleep(this.#parts.settings.maxWait, this.#closed.signal)
    lane.isFilling = false
    if (lane.state !== 'idle' || this.#closed.signal.aborted) return
    lane.isDue = true
    this.backlog.offer(lane)
    this.start()
  }

  /** What can't be finished now is not waited for: it comes again, with what is behind it. */
  #letGo(): void {
    if (!this.#isDraining) return
    for (const work of this.backlog.works) {
      if (work.mark.inHand === 0 || this.#mayFinish(work)) continue
      work.mark.abandon()
      this.#parts.onProgress()
    }
  }

  #mayFinish(work: PartitionWork): boolean {
    for (const { lane } of work.unhandled) {
      const [head] = lane.entries
      if (lane.state === 'busy' || (lane.state === 'ready' && !this.#isResting)) return true
      if (lane.state === 'waiting' && head !== undefined && !this.troubles.has(head)) return true
    }
    return false
  }
}

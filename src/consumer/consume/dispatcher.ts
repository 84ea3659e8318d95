import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { Turn } from '../reading/turn.ts'
import { Backlog, type Entries } from './backlog.ts'
import type { DeadLetters } from '../dead-letters.ts'
import type { Entry, Lane } from './entry.ts'
import type { ConsumeSettings } from './options.ts'
import type { Outcome } from './outcome.ts'
import type { PartitionWork } from './partition-work.ts'
import { Run, Runs } from './runs.ts'
import { Setbacks } from './setbacks.ts'
import { Troubles } from './troubles.ts'

export interface DispatcherParts {
  readonly settings: ConsumeSettings
  readonly clock: Clock
  readonly logger: Logger
  readonly name: string
  readonly deadLetters: Pick<DeadLetters, 'send'> | null
  /** Calls the handler. What it gives is no promise where the handler's result is none. */
  readonly call: (run: Run) => Outcome | Promise<Outcome>
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
 *
 * A handler that gives no promise has handled its event when it returns: the next one follows at
 * once, and what was handled is told of once for all of them.
 */
export class Dispatcher {
  readonly backlog: Backlog
  readonly runs: Runs
  readonly troubles: Troubles
  readonly #setbacks: Setbacks
  readonly #parts: DispatcherParts
  readonly #closed = new AbortController()
  readonly #turn = new Turn()
  #isStarting = false
  #isDraining = false
  #isPaused = false
  #isListening = false
  #handled = 0
  #skipped = 0

  constructor(parts: DispatcherParts) {
    const { settings, clock, logger, name, deadLetters } = parts
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
    this.#setbacks = new Setbacks({
      settings,
      clock,
      backlog: this.backlog,
      troubles: this.troubles,
      deadLetters,
      closed: this.#closed.signal,
      onHandled: (entries) => this.#settle(entries),
      onReady: () => this.start(),
      onProgress: () => this.#goOn(),
      onBlocked: () => this.#letGo(),
    })
  }

  get handled(): number {
    return this.#handled
  }

  get dead(): number {
    return this.#setbacks.dead
  }

  get skipped(): number {
    return this.#skipped
  }

  /** Whether it could start more calls than it has events for. */
  get isHungry(): boolean {
    const isIdle = this.#isPaused || this.#isDraining || this.#setbacks.isResting
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
    // A handler may call for it: the loop that called that handler goes on anyway.
    if (this.#isStarting) return
    const handled = this.#handled
    this.#isStarting = true
    try {
      this.#startAll()
    } finally {
      this.#isStarting = false
    }
    if (this.#handled > handled) this.#progressed()
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

  #startAll(): void {
    const { concurrency } = this.#parts.settings
    const heard = this.#parts.heard()
    if (heard !== null) return void this.#startWhen(heard)
    while (this.runs.size < concurrency && !this.#setbacks.isResting) {
      if (this.#isPaused && !this.#isDraining) return
      if (this.#turn.isOver) return void this.#turn.next().then(() => this.start())
      const entries = this.backlog.take()
      if (entries === null) return
      this.#begin(entries)
    }
  }

  /** Another member may have what was fetched: nothing starts before the group says whose it is. */
  async #startWhen(heard: Promise<void>): Promise<void> {
    if (this.#isListening) return
    this.#isListening = true
    await heard
    this.#isListening = false
    this.start()
  }

  #begin(taken: Entries): void {
    const [first, ...others] = taken
    const older = this.runs.abandonedWith(first)
    if (older !== undefined) return void this.#setbacks.waitFor(older, taken)
    if (this.#setbacks.follows(first))
      return void this.#setbacks.bury(first, 'an earlier event of its key is dead')
    const at = others.findIndex((entry) => this.#setbacks.follows(entry))
    const entries: Entries = at === -1 ? taken : [first, ...others.slice(0, at)]
    const run = new Run(entries)
    let outcome: Outcome | Promise<Outcome>
    try {
      outcome = this.#parts.call(run)
    } catch (error) {
      outcome = { state: 'over', error }
    }
    if (outcome instanceof Promise) void this.#await(run, outcome)
    else if (!first.isAbandoned) this.#conclude(entries, outcome)
  }

  async #await(run: Run, coming: Promise<Outcome>): Promise<void> {
    const { entries } = run
    this.runs.begin(run)
    let outcome: Outcome
    try {
      outcome = await coming
    } catch (error) {
      outcome = { state: 'over', error }
    }
    this.runs.end(run)
    if (run.isStuck) this.troubles.unstuck(run)
    if (!entries[0].isAbandoned) this.#conclude(entries, outcome)
    this.#goOn()
  }

  #conclude(entries: Entries, outcome: Outcome): void {
    const [first] = entries
    if (outcome.state === 'handled')
      return this.#finish(
        outcome.count === entries.length ? entries : entries.slice(0, outcome.count),
      )
    if (outcome.state === 'skipped') return this.#skip(first)
    if (outcome.state === 'failed')
      return this.#setbacks.failed(entries.slice(0, outcome.count), outcome)
    if (outcome.state === 'away') return void this.#setbacks.rest(first.lane, outcome.error)
    if (outcome.state === 'dead') return void this.#setbacks.bury(first, outcome.error)
    first.lane.state = 'waiting'
    this.troubles.ended(first, outcome.error)
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
    this.#setbacks.wentWell()
    for (const entry of entries) {
      this.troubles.cured(entry)
      this.backlog.handled(entry.lane)
    }
    this.#handled += entries.length
  }

  #goOn(): void {
    this.start()
    this.#progressed()
  }

  #progressed(): void {
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
      // Whatever they wait for: they are not tried again beside whoever gets them next.
      for (const entry of work.unhandled) entry.isAbandoned = true
      this.#parts.onProgress()
    }
  }

  #mayFinish(work: PartitionWork): boolean {
    const { clock, settings } = this.#parts
    const drainEnds = clock.monotonic() + settings.reading.drainTimeout
    for (const { lane } of work.unhandled) {
      const { first } = lane.entries
      if (lane.state === 'busy' || (lane.state === 'ready' && !this.#setbacks.isResting))
        return true
      if (lane.state !== 'waiting' || first === undefined || this.troubles.has(first)) continue
      // An attempt that comes later is nothing to wait for.
      if (first.dueAt <= drainEnds) return true
    }
    return false
  }
}

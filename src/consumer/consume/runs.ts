import type { Clock } from '../../core/clock.ts'
import type { Entries } from './backlog.ts'
import type { Entry } from './entry.ts'

/** A call of the handler. */
export class Run {
  readonly entries: Entries
  /** By `clock.monotonic` and `clock.now`, when the handler gave a promise. */
  start = 0
  startedAt = 0
  isStuck = false
  #ended: PromiseWithResolvers<void> | null = null
  #abort: AbortController | null = null
  #reason: Error | null = null

  constructor(entries: Entries) {
    this.entries = entries
  }

  /** Resolves when the handler's promise is settled. */
  get ended(): Promise<void> {
    this.#ended ??= Promise.withResolvers()
    return this.#ended.promise
  }

  /** Made only for handlers that look at it: it costs more than an event. */
  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController()
      if (this.#reason !== null) this.#abort.abort(this.#reason)
    }
    return this.#abort.signal
  }

  abort(reason: string): void {
    this.#reason ??= new DOMException(reason, 'AbortError')
    this.#abort?.abort(this.#reason)
  }

  end(): void {
    this.#ended?.resolve()
  }
}

export interface RunsParts {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly onStuck: (run: Run) => void
}

/** The calls whose handler gave a promise that is not settled. All have the same time, so the oldest is the next to be over it. */
export class Runs {
  readonly #parts: RunsParts
  readonly #running = new Set<Run>()
  readonly #abandoned = new Map<string, Run>()
  readonly #closed = new AbortController()
  #isWatched = false

  constructor(parts: RunsParts) {
    this.#parts = parts
  }

  /** How long a call may take. */
  get timeoutMs(): number {
    return this.#parts.timeoutMs
  }

  get size(): number {
    return this.#running.size
  }

  get stuck(): Run | undefined {
    for (const run of [...this.#abandoned.values(), ...this.#running]) if (run.isStuck) return run
    return undefined
  }

  begin(run: Run): void {
    const { clock } = this.#parts
    run.start = clock.monotonic()
    run.startedAt = clock.now()
    for (const entry of run.entries) entry.beganAt ??= run.startedAt
    this.#running.add(run)
    if (!this.#isWatched) void this.#keepWatch()
    this.#isWatched = true
  }

  end(run: Run): void {
    if (!this.#running.delete(run))
      for (const entry of run.entries)
        if (this.#abandoned.get(entry.place) === run) this.#abandoned.delete(entry.place)
    run.end()
  }

  /** Their signals abort; they go on beside what is started from now on. Gives how many events. */
  abandon(): number {
    let events = 0
    for (const run of this.#running) {
      events += run.entries.length
      for (const entry of run.entries) this.#abandoned.set(entry.place, run)
      run.abort("the event is not this consumer's any more")
    }
    this.#running.clear()
    return events
  }

  /** The call that was abandoned with this event, where it has not ended. */
  abandonedWith(entry: Entry): Run | undefined {
    return this.#abandoned.size === 0 ? undefined : this.#abandoned.get(entry.place)
  }

  /** Nothing is watched any longer. */
  close(): void {
    this.#closed.abort()
  }

  /** Wakes no later than the oldest call is over its time, and at most once in that time for all. */
  async #keepWatch(): Promise<void> {
    const { clock } = this.#parts
    while (!this.#closed.signal.aborted) {
      const now = clock.monotonic()
      await clock.sleep(Math.max(1, this.#look(now) - now), this.#closed.signal)
    }
  }

  /** Gives when to look again. */
  #look(now: number): number {
    const { timeoutMs, onStuck } = this.#parts
    for (const run of this.#running) {
      if (run.isStuck) continue
      if (run.start + timeoutMs > now) return run.start + timeoutMs
      run.isStuck = true
      run.abort('the handler took longer than its timeout')
      onStuck(run)
    }
    return now + timeoutMs
  }
}

/** How long timers and sockets may wait, in milliseconds, where events are handled one after the other. */
const MAX_MS = 10

/**
 * Notices when a loop has run for long without a turn of timers and sockets: one whose events and
 * results are all at hand goes from microtask to microtask, and would keep commits, heartbeats and
 * everybody else in the process from theirs.
 */
export class Turn {
  #began: number | null = null
  #next: PromiseWithResolvers<void> | null = null

  /** Whether the others are to have their turn now. */
  get isOver(): boolean {
    if (this.#began !== null) return performance.now() - this.#began > MAX_MS
    this.#began = performance.now()
    setImmediate(() => this.#ended())
    return false
  }

  /** Resolves when they have had it. */
  next(): Promise<void> {
    if (this.#began === null) return Promise.resolve()
    this.#next ??= Promise.withResolvers()
    return this.#next.promise
  }

  #ended(): void {
    this.#began = null
    this.#next?.resolve()
    this.#next = null
  }
}

/**
 * Decides how long an idle relay waits before it looks again.
 *
 * A `send` in this process wakes it at once; since the commit follows the send, it then looks again
 * after 1, 2, 4 … 64 ms. A hint from another process comes after the fact and wakes it the same
 * way. Without either it looks every 50 ms, growing to `idleMs` while nothing comes.
 */
export class WakeUp {
  readonly #idleMs: number
  #burstMs = Number.POSITIVE_INFINITY
  #pollMs = FIRST_POLL_MS
  #notified = false
  #wake: (() => void) | null = null

  constructor(idleMs: number) {
    this.#idleMs = idleMs
  }

  /** Something may be there now, or in a moment. */
  notify(): void {
    this.#burstMs = FIRST_BURST_MS
    this.#notified = true
    this.#wake?.()
  }

  /** Something was there: look often for a while. */
  busy(): void {
    this.#pollMs = FIRST_POLL_MS
  }

  /** Call before looking: a `notify` that comes while looking shortens the wait that follows. */
  looking(): void {
    this.#notified = false
  }

  /** Resolves when it is time to look again, or when `signal` aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    if (this.#notified || signal.aborted) return
    const ms = this.#nextMs()
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        this.#wake = null
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done)
      this.#wake = done
    })
  }

  #nextMs(): number {
    if (this.#burstMs <= LAST_BURST_MS) {
      const ms = this.#burstMs
      this.#burstMs *= 2
      return Math.min(ms, this.#idleMs)
    }
    const ms = Math.min(this.#pollMs, this.#idleMs)
    this.#pollMs = Math.min(this.#pollMs * 2, this.#idleMs)
    return ms
  }
}

const FIRST_BURST_MS = 1
const LAST_BURST_MS = 64
const FIRST_POLL_MS = 50

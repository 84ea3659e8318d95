import type { Clock } from '../../core/clock.ts'

/** Most lines of a sort in a minute: a database that is away fails every event. */
const MOST = 10
const MINUTE_MS = 60_000

/** Lets lines of one sort through until there are too many, and says how many were left out. */
export class RareLines {
  readonly #clock: Pick<Clock, 'monotonic'>
  #began = Number.NEGATIVE_INFINITY
  #written = 0
  #left = 0

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** `write` is given what is to follow the line: nothing, or how many were left out before it. */
  say(write: (rest: string) => void): void {
    const now = this.#clock.monotonic()
    if (now - this.#began >= MINUTE_MS) {
      this.#began = now
      this.#written = 0
    }
    if (this.#written === MOST) {
      this.#left += 1
      return
    }
    this.#written += 1
    const left = this.#left
    this.#left = 0
    write(left === 0 ? '' : ` (and ${left} more before)`)
  }
}

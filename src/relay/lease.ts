import type { Clock } from '../core/clock.ts'

/** Nothing was sent: this relay can't be sure that it still is the owner of its lanes. */
export class LeaseStale extends Error {
  override readonly name = 'LeaseStale'
}

/**
 * How long this relay may believe that it owns its lanes: the time to live, counted from *before*
 * the renewal was sent, by the larger of wall and monotonic time, since the monotonic clock stands
 * still while a machine is suspended. A publish starts only while a good part of it is left, so
 * that it ends before anybody else can begin.
 */
export class Lease {
  readonly #clock: Clock
  readonly #usableMs: number
  #wall = Number.NEGATIVE_INFINITY
  #monotonic = Number.NEGATIVE_INFINITY

  /** Of `ttlMs`, the last 0.4 are kept for a publish under way to end in: 6 s of 15. */
  constructor(clock: Clock, ttlMs: number) {
    this.#clock = clock
    this.#usableMs = ttlMs * 0.6
  }

  /** The moment to hand to `renewed`; taken before the renewal is sent. */
  moment(): { wall: number; monotonic: number } {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonic() }
  }

  renewed(asked: { wall: number; monotonic: number }): void {
    this.#wall = asked.wall
    this.#monotonic = asked.monotonic
  }

  isFresh(): boolean {
    const { wall, monotonic } = this.moment()
    const age = Math.max(wall - this.#wall, monotonic - this.#monotonic)
    return age < this.#usableMs
  }

  /** Throws a `LeaseStale` where a publish must not start. */
  readonly assertFresh = (): void => {
    if (!this.isFresh()) throw new LeaseStale('the relay has not renewed its lease in time')
  }
}

import { type Backoff, backoffMs } from '../../core/backoff.ts'
import type { Clock } from '../../core/clock.ts'
import { OncommitError } from '../../core/errors.ts'
import type { JoinOptions } from '../../core/log.ts'
import { toBrokerError } from './failures.ts'
import { protocolErrors } from './protocol-errors.ts'

const RETRY: Backoff = { firstMs: 50, maxMs: 2_000, jitter: 0.2 }
const LEAVE_MS = 3_000
/** Refusals in a row before the group counts as away. */
const PATIENCE = 5

/** What a member knows of its group's answers: when it heard the last, and whether it is away. */
export class GroupContact {
  readonly #options: Pick<JoinOptions, 'group' | 'onAway'>
  readonly #clock: Clock
  readonly #stop = new AbortController()
  #isAway = false
  /** By `clock.monotonic`: when what the group answered last was sent, from which the session counts. */
  #heardAt = Number.POSITIVE_INFINITY
  #hearing = Promise.withResolvers<void>()

  constructor(options: Pick<JoinOptions, 'group' | 'onAway'>, clock: Clock) {
    this.#options = options
    this.#clock = clock
  }

  /** Aborted when the member leaves. */
  get stopped(): AbortSignal {
    return this.#stop.signal
  }

  get isStopped(): boolean {
    return this.#stop.signal.aborted
  }

  stop(): void {
    this.#stop.abort()
  }

  /** What those hear who still want something of a member that has left. */
  left(): OncommitError {
    return new OncommitError(
      'ONCOMMIT_STOPPED',
      `the member of group ${this.#options.group} has left`,
    )
  }

  /** The group has answered what was sent then. */
  hear(sentAt: number): void {
    this.#heardAt = sentAt
    this.#wake()
  }

  /** There is no session that could be over. */
  endSession(): void {
    this.#heardAt = Number.POSITIVE_INFINITY
    this.#wake()
  }

  /** `null` where the group was heard within `ms`; else what resolves when it has answered. */
  heard(ms: number): Promise<void> | null {
    return this.#clock.monotonic() - this.#heardAt < ms ? null : this.#hearing.promise
  }

  /** Resolves at the group's next answer. */
  get next(): Promise<void> {
    return this.#hearing.promise
  }

  /** Asks until the group has answered, or the member has left. */
  async asking<T>(ask: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures++) {
      if (this.isStopped) throw this.left()
      try {
        const answer = await ask()
        this.tellAway(null)
        return answer
      } catch (error) {
        await this.waitAfter(error, failures, this.stopped)
      }
    }
  }

  async waitAfter(error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    // A coordinator that moves, or a group's first one, answers so for a moment: no outage yet.
    if (failures >= PATIENCE || protocolErrors(error).size === 0) this.tellAway(error)
    await this.#clock.sleep(backoffMs(RETRY, failures), signal)
  }

  /** Tells of an outage, or with `null` of its end, once each. */
  tellAway(error: unknown): void {
    const isAway = error !== null
    if (isAway === this.#isAway || this.isStopped) return
    this.#isAway = isAway
    this.#options.onAway(isAway ? toBrokerError(error) : null)
  }

  /** Waits a moment for the group to be told: whoever can't be told notices when the session is over. */
  async tellLeaving(telling: Promise<unknown>): Promise<void> {
    const told = new AbortController()
    await Promise.race([telling.catch(() => {}), this.#clock.sleep(LEAVE_MS, told.signal)])
    told.abort()
  }

  #wake(): void {
    this.#hearing.resolve()
    this.#hearing = Promise.withResolvers()
  }
}

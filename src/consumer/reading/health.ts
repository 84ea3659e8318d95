import type { Clock } from '../../core/clock.ts'
import { reasonOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'

export interface StreamHealth {
  /**
   * `starting` until the first partitions are assigned, `rebalancing` while the group gathers,
   * `reconnecting` while the broker can't be reached, `stopped` once the stream is over.
   */
  readonly state: 'starting' | 'running' | 'rebalancing' | 'reconnecting' | 'stopped'
  /** When it came into this state. */
  readonly since: Date
}

type Phase = Exclude<StreamHealth['state'], 'reconnecting'>

/** What asks the broker on its own: an outage is over when each of them got an answer again. */
export type Asking = 'reading' | 'group' | 'commit'

/**
 * How a reader is. An outage is reported once when it begins, and once when it is over. Who gave up
 * asking, as a rebalance makes a commit do, may never ask again: any answer to another is then its
 * answer, too.
 */
export class Health {
  readonly #parts: { readonly clock: Clock; readonly logger: Logger; readonly name: string }
  readonly #unanswered = new Map<Asking, 'asks' | 'gave up'>()
  #phase: Phase = 'starting'
  #state: StreamHealth['state'] = 'starting'
  #since: Date

  constructor(parts: { clock: Clock; logger: Logger; name: string }) {
    this.#parts = parts
    this.#since = new Date(parts.clock.now())
  }

  /** Whose it is, for the log. */
  get name(): string {
    return this.#parts.name
  }

  get current(): StreamHealth {
    return { state: this.#state, since: this.#since }
  }

  enter(phase: Phase): void {
    this.#phase = phase
    this.#update()
  }

  unanswered(asking: Asking, error: unknown): void {
    const { logger, name } = this.#parts
    if (this.#unanswered.size === 0)
      logger.error(`oncommit: ${name} waits for the broker: ${reasonOf(error)}`)
    this.#unanswered.set(asking, 'asks')
    this.#update()
  }

  gaveUp(asking: Asking): void {
    if (this.#unanswered.has(asking)) this.#unanswered.set(asking, 'gave up')
  }

  answered(asking: Asking): void {
    if (this.#unanswered.size === 0) return
    for (const [other, state] of this.#unanswered)
      if (other === asking || state === 'gave up') this.#unanswered.delete(other)
    if (this.#unanswered.size > 0) return
    this.#parts.logger.info(`oncommit: ${this.#parts.name} goes on`)
    this.#update()
  }

  #update(): void {
    const isAway = this.#phase !== 'stopped' && this.#unanswered.size > 0
    const state = isAway ? 'reconnecting' : this.#phase
    if (state === this.#state) return
    this.#state = state
    this.#since = new Date(this.#parts.clock.now())
  }
}

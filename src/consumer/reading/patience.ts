import { backoffMs } from '../../core/backoff.ts'
import type { Clock } from '../../core/clock.ts'
import { BrokerError } from '../../core/errors.ts'
import type { Asking, Health } from './health.ts'

const RETRY = { firstMs: 50, maxMs: 10_000, jitter: 0.2 }

export interface Question {
  readonly asking: Asking
  /** Ends the waiting: the reason is thrown. */
  readonly signal: AbortSignal
  /** Thrown at once: the caller has its own answer to it. */
  readonly except?: BrokerError['kind']
}

/** Asks the broker again for as long as waiting may help, further and further apart. */
export class Patience {
  readonly #clock: Clock
  readonly #health: Health

  constructor(clock: Clock, health: Health) {
    this.#clock = clock
    this.#health = health
  }

  async ask<T>(question: Question, work: () => Promise<T>): Promise<T> {
    const { asking, signal, except } = question
    for (let failures = 1; ; failures++) {
      try {
        const answer = await unlessAborted(work(), signal)
        this.#health.answered(asking)
        return answer
      } catch (error) {
        this.#giveUpWhen(signal, asking)
        if (!mayPass(error) || error.kind === except) {
          // It is not what was hoped for, but it is an answer.
          this.#health.answered(asking)
          throw error
        }
        this.#health.unanswered(asking, error)
        await this.#clock.sleep(backoffMs(RETRY, failures), signal)
        this.#giveUpWhen(signal, asking)
      }
    }
  }

  #giveUpWhen(signal: AbortSignal, asking: Asking): void {
    if (!signal.aborted) return
    this.#health.gaveUp(asking)
    throw signal.reason
  }
}

/** Whether it may be over when it is tried again: an outage, a topic that is not there yet. */
export function mayPass(error: unknown): error is BrokerError {
  if (!(error instanceof BrokerError) || error.forbidden) return false
  return error.kind === 'away' || error.kind === 'unknown' || error.kind === 'topic-unavailable'
}

/** What `work` comes to, or the signal's reason where that is first; `work` then ends unheard. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    // Whichever comes second must not end the process.
    aborted.promise.catch(() => {})
    work.catch(() => {})
  }
}

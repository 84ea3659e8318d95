import type { TopicRecord } from '../../core/broker.ts'
import type { Clock } from '../../core/clock.ts'
import { BrokerError } from '../../core/errors.ts'

/** What this broker, in this process, is told to do wrong. */
export class Faults {
  readonly #clock: Clock
  readonly #unavailable = new Set<string>()
  readonly #waiting = new Set<() => void>()
  #away = false
  #slowMs = 0
  #acksToLose = 0
  #refuses: ((record: TopicRecord) => boolean) | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  setAway(on: boolean): void {
    this.#away = on
    if (on) return
    for (const goOn of this.#waiting) goOn()
  }

  setSlow(ms: number): void {
    this.#slowMs = ms
  }

  setUnavailable(topic: string, on: boolean): void {
    if (on) this.#unavailable.add(topic)
    else this.#unavailable.delete(topic)
  }

  setRefuses(predicate: ((record: TopicRecord) => boolean) | null): void {
    this.#refuses = predicate
  }

  loseNextAck(): void {
    this.#acksToLose++
  }

  /** Whether the acknowledgement in hand gets lost. Once for each that was asked for. */
  takeLostAck(): boolean {
    if (this.#acksToLose === 0) return false
    this.#acksToLose--
    return true
  }

  /** Why the topic can't be used now. */
  topicError(topic: string): BrokerError | null {
    if (!this.#unavailable.has(topic)) return null
    return new BrokerError('topic-unavailable', `topic ${topic} is made unavailable`, { topic })
  }

  refuses(record: TopicRecord): boolean {
    return this.#refuses?.(record) === true
  }

  /** Takes as long as the broker is told to take. Throws where it is away. */
  async reach(signal?: AbortSignal): Promise<void> {
    if (this.#slowMs > 0) await this.#clock.sleep(this.#slowMs, signal)
    signal?.throwIfAborted()
    const away = this.awayError()
    if (away !== null) throw away
  }

  /** As `reach`, but waits until the broker is back, telling so. Throws when `signal` aborts. */
  async reachInTheEnd(
    signal: AbortSignal,
    onAway: (error: BrokerError | null) => void,
  ): Promise<void> {
    if (this.#slowMs > 0) await this.#clock.sleep(this.#slowMs, signal)
    const away = this.awayError()
    if (away !== null) {
      onAway(away)
      while (this.#away && !signal.aborted) await this.#back(signal)
      if (!this.#away) onAway(null)
    }
    if (signal.aborted) throw away ?? new BrokerError('away', 'given up before anything was sent')
  }

  awayError(): BrokerError | null {
    return this.#away ? new BrokerError('away', 'the broker is made away') : null
  }

  async #back(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const goOn = (): void => resolve()
    this.#waiting.add(goOn)
    signal.addEventListener('abort', goOn, { once: true })
    await promise
    signal.removeEventListener('abort', goOn)
    this.#waiting.delete(goOn)
  }
}

import { backoffMs } from '../core/backoff.ts'
import type { Broker } from '../core/broker.ts'
import type { Clock } from '../core/clock.ts'
import type { OutageLog } from './outage-log.ts'

const RETRY = { firstMs: 500, maxMs: 30_000, jitter: 0.2 }

export interface TopicProbeParts {
  readonly broker: Pick<Broker, 'probe'>
  readonly onAvailable: (topic: string) => void
  readonly outages: OutageLog
  readonly clock: Clock
  readonly ended: AbortSignal
}

/** Asks the broker for each unavailable topic until it is there. */
export class TopicProbes {
  readonly #parts: TopicProbeParts

  constructor(parts: TopicProbeParts) {
    this.#parts = parts
  }

  /**
   * Resolves when the topic is available, or when the relay's life ends. Asks first after `afterMs`.
   */
  async watch(topic: string, afterMs: number): Promise<void> {
    const { broker, onAvailable, outages, clock, ended } = this.#parts
    const what = `topic ${topic} is not available, its events wait`
    if (afterMs > 0) await clock.sleep(afterMs, ended)
    for (let failures = 1; !ended.aborted; failures++) {
      try {
        await broker.probe(topic, ended)
        onAvailable(topic)
        outages.over(what)
        return
      } catch (error) {
        if (ended.aborted) return
        outages.failing(what, error)
        await clock.sleep(backoffMs(RETRY, failures), ended)
      }
    }
  }
}

import type { Clock } from '../core/clock.ts'
import { type BrokerError, reasonOf } from '../core/errors.ts'
import type { StoredEvent } from '../core/event.ts'
import type { Logger } from '../core/logger.ts'
import type { RefusalOutcome, RefusedEvent } from '../core/refusals.ts'
import type { BlockedKeys } from './blocked-keys.ts'
import type { RefusalPolicies } from './refusal-policy.ts'
import { RefusalStorms } from './refusal-storms.ts'

export interface RefusalsParts {
  readonly blocked: BlockedKeys
  readonly policies: RefusalPolicies
  readonly logger: Logger
  readonly clock: Clock
}

/** Decides what becomes of an event that was refused: tried again, blocked, or dead. */
export class Refusals {
  readonly #parts: RefusalsParts
  readonly #storms: RefusalStorms

  constructor(parts: RefusalsParts) {
    this.#parts = parts
    this.#storms = new RefusalStorms(parts.clock)
  }

  /** From here on the event's key waits, or, where the whole topic is refused, the topic. */
  judge(event: StoredEvent, error: BrokerError): RefusedEvent {
    const { blocked, policies } = this.#parts
    const { topic, key, uuid } = event
    const { permanent } = error
    const reason = reasonOf(error)
    const { pauseMs, lasts } = this.#storms.note(topic, key === null ? uuid : `key ${key}`, reason)
    // What all of a topic meets is nobody's own fault: it uses no attempt, and lets nothing die.
    const attempts = lasts ? Math.max(1, blocked.attempts(event)) : blocked.attempts(event) + 1
    const next = lasts
      ? policies.again({ topic, attempts })
      : policies.outcome({ topic, key, attempts, permanent })
    const scope = blocked.refused(event, attempts)
    this.#tell(event, reason, { attempts, most: policies.most({ topic, permanent }), next })
    // The store lets what waited behind it drain.
    if (next.state === 'dead') blocked.expectDue()
    if (pauseMs !== null) this.#park(topic, reason, pauseMs)
    return { scope, error: reason, attempts, next }
  }

  #tell(
    { uuid, topic, key }: StoredEvent,
    reason: string,
    { attempts, most, next }: { attempts: number; most: number; next: RefusalOutcome },
  ): void {
    const what = key === null ? 'only itself' : `the key ${JSON.stringify(key)}`
    const told = `oncommit: event ${uuid} of ${topic} can't be published`
    if (next.state === 'retrying') {
      const text = `${told} and blocks ${what}, attempt ${attempts} of ${most}, next in ${next.afterMs / 1000} s: ${reason}`
      if (attempts === 1) this.#parts.logger.error(text)
      else this.#parts.logger.warn(text)
    } else if (next.state === 'blocked') {
      this.#parts.logger.error(
        `${told} and blocks ${what} until it is released or discarded, after ${attempts} attempts: ${reason}`,
      )
    } else {
      this.#parts.logger.error(`${told} and is dead, after ${attempts} attempts: ${reason}`)
    }
  }

  #park(topic: string, reason: string, pauseMs: number): void {
    this.#parts.logger.error(
      `oncommit: all of ${topic} waits for ${pauseMs / 1000} s, so many of its keys are refused alike: ${reason}`,
    )
    this.#parts.blocked.topics.park(topic, reason, pauseMs)
  }
}

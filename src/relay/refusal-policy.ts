import { backoffMs } from '../core/backoff.ts'
import { OptionError } from '../core/errors.ts'
import { knownOptions, oneOf, wholeNumber } from '../core/options.ts'
import type { RefusalOutcome } from '../core/refusals.ts'

/** What becomes of an event that can't be published: the broker takes no such record, or no codec makes one. */
export interface RefusalPolicy {
  /** How often an event is tried, the first time included, before it is given up. @defaultValue 10 */
  readonly maxAttempts?: number
  /** The same where another try can hardly help: too large, invalid, a codec that throws. @defaultValue 2 */
  readonly maxPermanentAttempts?: number
  /** The wait before the second try; it doubles with each further one, ±20 %. @defaultValue 1000 */
  readonly retryMs?: number
  /** The longest wait between two tries. @defaultValue 300000 (5 min) */
  readonly maxRetryMs?: number
  /**
   * What follows the last try. `block`: the event waits, and its key behind it, until an operator
   * decides: nothing is lost, nothing out of order. `dead`: it becomes a dead letter, and its key
   * goes on without it. @defaultValue `block` for an event with a key, `dead` for one without
   */
  readonly onExhausted?: 'block' | 'dead'
}

export interface RefusalOptions extends RefusalPolicy {
  /** For topics that differ: what is not given there is as above. */
  readonly topics?: Readonly<Record<string, RefusalPolicy>>
}

/** A refusal, as far as a policy has to know it. */
export interface RefusalCase {
  readonly topic: string
  readonly key: string | null
  /** How often it was refused, this time included. */
  readonly attempts: number
  readonly permanent: boolean
}

const DEFAULTS = {
  maxAttempts: 10,
  maxPermanentAttempts: 2,
  retryMs: 1000,
  maxRetryMs: 300_000,
} satisfies RefusalPolicy
const NAMES = [...Object.keys(DEFAULTS), 'onExhausted']
const JITTER = 0.2

/** The options, checked. Throws an `OptionError` that names the wrong one. */
export class RefusalPolicies {
  readonly #all: RefusalPolicy
  readonly #topics: Readonly<Record<string, RefusalPolicy>>

  constructor(options: RefusalOptions = {}) {
    knownOptions('relay.refusals', options, [...NAMES, 'topics'])
    const { topics = {}, ...all } = options
    check('relay.refusals', all)
    if (typeof topics !== 'object' || topics === null || Array.isArray(topics))
      throw new OptionError('relay.refusals.topics', topics, 'an object of policies by topic')
    for (const [topic, policy] of Object.entries(topics)) {
      knownOptions(`relay.refusals.topics.${topic}`, policy, NAMES)
      check(`relay.refusals.topics.${topic}`, policy)
    }
    this.#all = all
    this.#topics = topics
  }

  /** How often such an event is tried before it is given up. */
  most({ topic, permanent }: Pick<RefusalCase, 'topic' | 'permanent'>): number {
    const policy = this.#of(topic)
    return permanent
      ? Math.min(policy.maxAttempts, policy.maxPermanentAttempts)
      : policy.maxAttempts
  }

  outcome(refused: RefusalCase, random: () => number = Math.random): RefusalOutcome {
    if (refused.attempts < this.most(refused)) return this.again(refused, random)
    const { onExhausted } = this.#of(refused.topic)
    const choice = onExhausted ?? (refused.key === null ? 'dead' : 'block')
    return choice === 'dead' ? { state: 'dead' } : { state: 'blocked' }
  }

  /** When to try again. */
  again(
    { topic, attempts }: Pick<RefusalCase, 'topic' | 'attempts'>,
    random: () => number = Math.random,
  ): RefusalOutcome {
    const { retryMs, maxRetryMs } = this.#of(topic)
    const backoff = { firstMs: retryMs, maxMs: maxRetryMs, jitter: JITTER }
    return { state: 'retrying', afterMs: Math.round(backoffMs(backoff, attempts, random)) }
  }

  #of(topic: string): RefusalPolicy & typeof DEFAULTS {
    const own = Object.hasOwn(this.#topics, topic) ? this.#topics[topic] : undefined
    return { ...DEFAULTS, ...given(this.#all), ...given(own) }
  }
}

function check(owner: string, policy: RefusalPolicy): void {
  const { maxAttempts, maxPermanentAttempts, retryMs, maxRetryMs, onExhausted } = policy
  const numbers = { maxAttempts, maxPermanentAttempts, retryMs, maxRetryMs }
  for (const [name, value] of Object.entries(numbers))
    if (value !== undefined) wholeNumber(`${owner}.${name}`, value, { min: 1, max: 2 ** 31 - 1 })
  if (onExhausted !== undefined) oneOf(`${owner}.onExhausted`, onExhausted, ['block', 'dead'])
}

/** Without what was given as `undefined`. */
function given(policy: RefusalPolicy = {}): object {
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined))
}

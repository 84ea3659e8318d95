import { BrokerError } from '../../core/errors.ts'
import type { Cluster } from './cluster.ts'
import { brokerErrorOfCode, kindOfCode } from './failures.ts'

/** Where a topic's partitions are led. */
export interface TopicPlace {
  readonly topicId: string
  /** The leading broker of each partition, -1 while there is none. */
  readonly leaders: readonly number[]
}

/** New partitions are noticed within this time; a moved leader at the first refusal. */
const MAX_AGE_MS = 60_000
/** Kafka's operation WRITE in the bits of authorised operations. */
const WRITE_BIT = 1 << 4

/** What is known of topics, asked anew where it is missing, old, or was found to be wrong. */
export class TopicDirectory {
  readonly #cluster: Cluster
  readonly #known = new Map<string, TopicPlace & { readonly askedAt: number }>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Known topics; throws for one that was not asked for before. */
  at(topic: string): TopicPlace {
    const place = this.#known.get(topic)
    if (place === undefined)
      throw new BrokerError('away', `Kafka: topic ${topic} was not asked for`)
    return place
  }

  /**
   * Sees to it that all of these topics are known. The answer has those that can't be used, with
   * the reason: unknown, forbidden, of a bad name.
   */
  async ensure(topics: Iterable<string>): Promise<ReadonlyMap<string, BrokerError>> {
    const oldest = performance.now() - MAX_AGE_MS
    const missing: string[] = []
    for (const topic of topics) {
      const known = this.#known.get(topic)
      if (known === undefined || known.askedAt < oldest) missing.push(topic)
    }
    return missing.length === 0 ? NO_PROBLEMS : this.#ask(missing)
  }

  /** Forgets what was found to be wrong. */
  forget(topics: Iterable<string>): void {
    for (const topic of topics) this.#known.delete(topic)
  }

  /** Resolves where the topic can be written to. Throws a `BrokerError`. */
  async checkWritable(topic: string): Promise<void> {
    this.#known.delete(topic)
    const { topics } = await this.#cluster.metadata([topic], true)
    const found = topics[0]
    if (found === undefined) throw new BrokerError('unknown', `Kafka: no answer about ${topic}`)
    if (found.errorCode !== 0) throw problemOf(topic, found.errorCode)
    if (found.topicAuthorizedOperations > 0 && !(found.topicAuthorizedOperations & WRITE_BIT))
      throw problemOf(topic, 29)
    if (found.partitions.some((partition) => partition.leaderId < 0))
      throw new BrokerError('away', `Kafka: a partition of topic ${topic} has no leader`, { topic })
  }

  async #ask(names: readonly string[]): Promise<ReadonlyMap<string, BrokerError>> {
    const { topics } = await this.#cluster.metadata(names)
    const problems = new Map<string, BrokerError>()
    const askedAt = performance.now()
    for (const { name, topicId, errorCode, partitions } of topics) {
      if (errorCode !== 0) {
        this.#known.delete(name)
        const problem = problemOf(name, errorCode)
        if (problem.kind !== 'topic-unavailable') throw problem
        problems.set(name, problem)
        continue
      }
      const leaders: number[] = Array.from({ length: partitions.length }, () => -1)
      for (const partition of partitions) leaders[partition.partitionIndex] = partition.leaderId
      this.#known.set(name, { topicId, leaders, askedAt })
    }
    return problems
  }
}

const NO_PROBLEMS: ReadonlyMap<string, BrokerError> = new Map()

const TEXTS: Readonly<Record<number, string>> = {
  3: 'does not exist',
  5: 'has no leader',
  17: 'has a name that Kafka does not take',
  29: 'is forbidden: the right to WRITE or DESCRIBE it is missing',
}

/** Why a topic can't be used. */
export function problemOf(topic: string, code: number): BrokerError {
  const text = `topic ${topic} ${TEXTS[code] ?? `can not be used (${kindOfCode(code)})`}`
  return brokerErrorOfCode(code, text, topic)
}

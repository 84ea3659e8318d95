import type { AppendResult, PublishBatch, Publisher, PublisherOptions } from '../../core/broker.ts'
import { BrokerError, reasonOf } from '../../core/errors.ts'
import { Cluster } from './cluster.ts'
import { toBrokerError } from './failures.ts'
import type { KafkaSettings } from './kafka-options.ts'
import { produce, type EncodedBatch, type Outcome } from './produce.ts'
import { encodeBatch } from './record-batch.ts'
import { acksOf, refusalsOf, refuseTopics } from './results.ts'
import { bounded, retrying, type RetryRule } from './retrying.ts'
import { KeylessTurns, placeKey, planSends, type PartitionBatch } from './sends.ts'
import { Slab } from './slab.ts'
import { TopicDirectory } from './topic-directory.ts'

/** Opens a publisher that has a producer id: its own repeats are told apart by the brokers. */
export async function openIdempotentPublisher(
  settings: KafkaSettings,
  options: PublisherOptions,
): Promise<Publisher> {
  const cluster = await Cluster.open(settings.connection)
  try {
    const { producerId, producerEpoch } = await bounded(
      async (rule) =>
        retrying(async () => {
          const given = await cluster.askAny(
            cluster.peer.initProducerIdV4.api,
            ...([null, settings.transactionTimeoutMs, -1n, -1] as const),
          )
          await cluster.metadata([])
          return given
        }, rule),
      { signal: options.signal, ms: settings.publishTimeoutMs, what: 'opening the publisher' },
    )
    return new IdempotentPublisher(cluster, settings, options, { producerId, producerEpoch })
  } catch (error) {
    cluster.close()
    throw toBrokerError(error)
  }
}

/**
 * One send in flight. While the brokers are away the same bytes are sent again, with the same
 * sequence numbers, for as long as it takes: the brokers take them once.
 */
class IdempotentPublisher implements Publisher {
  readonly fence: string
  readonly #cluster: Cluster
  readonly #directory: TopicDirectory
  readonly #settings: KafkaSettings
  readonly #options: PublisherOptions
  readonly #producer: { readonly producerId: bigint; readonly producerEpoch: number }
  readonly #sequences = new Map<string, number>()
  readonly #slab = new Slab()
  readonly #turns = new KeylessTurns()
  readonly #closing = new AbortController()
  readonly #signal: AbortSignal
  #ended: BrokerError | undefined

  constructor(
    cluster: Cluster,
    settings: KafkaSettings,
    options: PublisherOptions,
    producer: { readonly producerId: bigint; readonly producerEpoch: number },
  ) {
    this.fence = `oncommit.${options.outbox}.${options.relayId}`
    this.#cluster = cluster
    this.#directory = new TopicDirectory(cluster)
    this.#settings = settings
    this.#options = options
    this.#producer = producer
    this.#signal = AbortSignal.any([options.signal, this.#closing.signal])
    this.#signal.addEventListener('abort', () => cluster.close(), { once: true })
  }

  async append(batch: PublishBatch, beforeSend: () => void): Promise<AppendResult> {
    const topics = new Set(batch.records.map(({ topic }) => topic))
    const problems = await this.#waiting(async (rule) =>
      retrying(async () => this.#directory.ensure(topics), rule),
    )
    if (problems.size > 0) return refuseTopics(batch, problems)
    const sends = planSends(
      batch.records,
      (topic) => this.#directory.at(topic).leaders.length,
      this.#turns,
    )
    beforeSend()
    return this.#waiting(async (rule) => this.#write(sends, beforeSend, rule))
  }

  async close(): Promise<void> {
    this.#ended ??= new BrokerError('away', 'Kafka: the publisher was closed')
    this.#closing.abort(this.#ended)
  }

  async #write(
    sends: readonly (readonly PartitionBatch[])[],
    beforeSend: () => void,
    rule: RetryRule,
  ): Promise<AppendResult> {
    const outcomes: Outcome[] = []
    for (const send of sends) {
      if (outcomes.length > 0) askAgain(beforeSend)
      const answered = await produce(this.#target(), this.#encode(send), rule)
      for (const { batch, state } of answered) if (state === 'written') this.#count(batch)
      outcomes.push(...answered)
      if (answered.some(({ state }) => state === 'refused')) return refused(outcomes)
    }
    return {
      state: 'appended',
      acks: acksOf(outcomes),
      commit: async () => {},
      abort: async () => {},
    }
  }

  #target(): Parameters<typeof produce>[0] {
    return {
      cluster: this.#cluster,
      directory: this.#directory,
      transactionalId: null,
      timeoutMs: this.#settings.publishTimeoutMs,
      onAmbiguous: () => {},
    }
  }

  #encode(send: readonly PartitionBatch[]): readonly EncodedBatch[] {
    const timestamp = Date.now()
    const slab = this.#slab
    slab.reset()
    const producer = { ...this.#producer, transactional: false }
    const { compression } = this.#settings
    return send.map((batch) => {
      const sequence = this.#sequences.get(placeKey(batch)) ?? 0
      const options = { producer, sequence, timestamp, compression, slab }
      return { batch, bytes: encodeBatch(this.#cluster.peer, batch, options) }
    })
  }

  #count(batch: PartitionBatch): void {
    const key = placeKey(batch)
    const next = ((this.#sequences.get(key) ?? 0) + batch.indexes.length) % 2 ** 31
    this.#sequences.set(key, next)
  }

  /** Without a limit in time; says when it has been waiting for the brokers for long. */
  async #waiting<T>(work: (rule: RetryRule) => Promise<T>): Promise<T> {
    if (this.#ended !== undefined) throw this.#ended
    let last: BrokerError | undefined
    let told = false
    const tell = (): void => {
      told = true
      const { publishTimeoutMs } = this.#settings
      this.#options.onAway(
        last ?? new BrokerError('away', `Kafka: no answer for ${publishTimeoutMs} ms`),
      )
    }
    const timer = setTimeout(tell, this.#settings.publishTimeoutMs)
    try {
      const done = await work({
        signal: this.#signal,
        until: Number.POSITIVE_INFINITY,
        onFailure: (error) => (last = error),
      })
      if (told) this.#options.onAway(null)
      return done
    } catch (error) {
      this.#ended ??= toBrokerError(error)
      this.#closing.abort(this.#ended)
      throw this.#ended
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Nothing at the broker shuts this publisher out: what waited for long asks again. */
function askAgain(beforeSend: () => void): void {
  try {
    beforeSend()
  } catch (cause) {
    throw new BrokerError('away', `a batch ends half written: ${reasonOf(cause)}`, { cause })
  }
}

function refused(outcomes: readonly Outcome[]): AppendResult {
  const written = outcomes.flatMap(({ batch, state }) => (state === 'written' ? batch.indexes : []))
  return {
    state: 'refused',
    written: written.toSorted((a, b) => a - b),
    acks: acksOf(outcomes),
    refusals: refusalsOf(outcomes),
  }
}

import type { AppendResult, PublishBatch, Publisher, PublisherOptions } from '../../core/broker.ts'
import { BrokerError } from '../../core/errors.ts'
import { Cluster } from './cluster.ts'
import { answeredCodes, toBrokerError } from './failures.ts'
import type { KafkaSettings } from './kafka-options.ts'
import { MarkerTopic, markerBatch, markerPartition } from './markers.ts'
import type { Outcome } from './produce.ts'
import { acksOf, refusalsOf, refuseTopics } from './results.ts'
import { bounded, type RetryRule } from './retrying.ts'
import { KeylessTurns, planSends, type PartitionBatch } from './sends.ts'
import { TransactionalProducer, type Decision } from './transaction.ts'

/** The two transactional ids of a publisher, which take turns: one is written to while the other commits. */
export function transactionalIds(fence: string): readonly [string, string] {
  return [`${fence}.0`, `${fence}.1`]
}

/** Opens a publisher that owns its transactional ids: whoever held them is shut out. */
export async function openExactlyOncePublisher(
  settings: KafkaSettings,
  options: PublisherOptions,
): Promise<Publisher> {
  const fence = `oncommit.${options.outbox}.${options.relayId}`
  const producers = await openProducers(settings, fence)
  try {
    await bounded(
      async (rule) => {
        await Promise.all(producers.map(async (producer) => take(producer, rule)))
        await Promise.all(
          producers.map(async ({ cluster, producer }) => {
            const markers = new MarkerTopic(settings.markerTopic, cluster, producer.directory)
            await markers.prepare(settings.markerReplication, producer.transactionalId, rule)
          }),
        )
      },
      { signal: options.signal, ms: settings.publishTimeoutMs, what: 'opening the publisher' },
    )
  } catch (error) {
    for (const { producer } of producers) producer.close()
    throw explainTransactions(toBrokerError(error), fence)
  }
  return new ExactlyOncePublisher(
    settings,
    options,
    fence,
    producers.map(({ producer }) => producer) as [TransactionalProducer, TransactionalProducer],
  )
}

interface OwnProducer {
  readonly cluster: Cluster
  readonly producer: TransactionalProducer
}

async function openProducers(
  settings: KafkaSettings,
  fence: string,
): Promise<readonly OwnProducer[]> {
  return Promise.all(
    transactionalIds(fence).map(async (transactionalId) => {
      const cluster = await Cluster.open(settings.connection)
      return {
        cluster,
        producer: new TransactionalProducer(cluster, { ...settings, transactionalId }),
      }
    }),
  )
}

async function take({ producer }: OwnProducer, rule: RetryRule): Promise<void> {
  await producer.take(rule)
}

/**
 * Each batch is one transaction of its records and its marker. Batches go to the two producers in
 * turn, so that the next is written while one commits.
 *
 * Any failure but a refusal ends the publisher: it drops its connections and rejects from then on.
 * What became of the open transactions is decided by whoever fences it.
 */
class ExactlyOncePublisher implements Publisher {
  readonly fence: string
  readonly #settings: KafkaSettings
  readonly #relayId: string
  readonly #signal: AbortSignal
  readonly #producers: readonly [TransactionalProducer, TransactionalProducer]
  readonly #turns = new KeylessTurns()
  readonly #closing = new AbortController()
  #ended: BrokerError | undefined

  constructor(
    settings: KafkaSettings,
    options: PublisherOptions,
    fence: string,
    producers: readonly [TransactionalProducer, TransactionalProducer],
  ) {
    this.fence = fence
    this.#settings = settings
    this.#relayId = options.relayId
    this.#producers = producers
    this.#signal = AbortSignal.any([options.signal, this.#closing.signal])
  }

  async append(batch: PublishBatch, beforeSend: () => void): Promise<AppendResult> {
    if (this.#ended !== undefined) throw this.#ended
    const producer = this.#producers[batch.number % 2] as TransactionalProducer
    if (producer.open)
      throw new BrokerError('unknown', `batch ${batch.number - 2} is neither committed nor aborted`)
    const plan = await this.#step('preparing a batch', async (rule) => {
      await producer.renew(rule)
      return this.#plan(producer, batch)
    })
    if ('state' in plan) return plan
    beforeSend()
    return this.#step('writing a batch', async (rule) => {
      const problems = await producer.begin(plan.flat(), rule)
      if (problems.size > 0) return this.#refuse(batch, problems)
      return this.#write(producer, plan, rule)
    })
  }

  async close(): Promise<void> {
    this.#end(new BrokerError('away', 'Kafka: the publisher was closed'))
  }

  async #plan(
    producer: TransactionalProducer,
    batch: PublishBatch,
  ): Promise<readonly (readonly PartitionBatch[])[] | AppendResult> {
    const { directory } = producer
    const topics = [...new Set(batch.records.map(({ topic }) => topic))]
    const problems = await directory.ensure([...topics, this.#settings.markerTopic])
    if (problems.size > 0) return this.#refuse(batch, problems)
    const sends = planSends(
      batch.records,
      (topic) => directory.at(topic).leaders.length,
      this.#turns,
    )
    const [first = [], ...later] = sends
    return [[this.#marker(producer, batch, topics), ...first], ...later]
  }

  #refuse(batch: PublishBatch, problems: ReadonlyMap<string, BrokerError>): AppendResult {
    const marker = problems.get(this.#settings.markerTopic)
    if (marker !== undefined) throw markerRefused(marker)
    return refuseTopics(batch, problems)
  }

  #marker(
    producer: TransactionalProducer,
    batch: PublishBatch,
    topics: readonly string[],
  ): PartitionBatch {
    const topic = this.#settings.markerTopic
    const key = producer.transactionalId
    const partition = markerPartition(key, producer.directory.at(topic).leaders.length)
    return markerBatch({ topic, partition }, { key, relayId: this.#relayId, batch, topics })
  }

  async #write(
    producer: TransactionalProducer,
    sends: readonly (readonly PartitionBatch[])[],
    rule: RetryRule,
  ): Promise<AppendResult> {
    const outcomes: Outcome[] = []
    for (const send of sends) {
      const answered = await producer.write(send, rule)
      const marker = answered.find(({ batch }) => batch.topic === this.#settings.markerTopic)
      if (marker?.state === 'refused') throw markerRefused(marker.error)
      if (answered.some(({ state }) => state === 'refused')) {
        await producer.end('abort', rule)
        return { state: 'refused', written: [], acks: [], refusals: refusalsOf(answered) }
      }
      outcomes.push(...answered.filter((outcome) => outcome !== marker))
    }
    return {
      state: 'appended',
      acks: acksOf(outcomes),
      commit: async () => this.#decide(producer, 'commit'),
      abort: async () => this.#decide(producer, 'abort'),
    }
  }

  async #decide(producer: TransactionalProducer, decision: Decision): Promise<void> {
    await this.#step(
      decision === 'commit' ? 'committing a batch' : 'taking a batch back',
      async (rule) => producer.end(decision, rule),
    )
  }

  async #step<T>(what: string, work: (rule: RetryRule) => Promise<T>): Promise<T> {
    if (this.#ended !== undefined) throw this.#ended
    try {
      return await bounded(work, {
        signal: this.#signal,
        ms: this.#settings.publishTimeoutMs,
        what,
      })
    } catch (error) {
      const failure = explainTransactions(toBrokerError(error), this.fence)
      this.#end(failure)
      throw failure
    }
  }

  #end(error: BrokerError): void {
    this.#ended ??= error
    this.#closing.abort(this.#ended)
    for (const producer of this.#producers) producer.close()
  }
}

function markerRefused(error: BrokerError): BrokerError {
  return new BrokerError('misconfigured', `the marker was refused: ${error.message}`, {
    cause: error,
  })
}

const NOT_AVAILABLE = 15
const TRANSACTIONAL_ID_AUTHORIZATION = 53

/** Failures of transactions as such, with what to do about them. */
export function explainTransactions(error: BrokerError, fence: string): BrokerError {
  const codes = answeredCodes(error)
  if (codes.includes(TRANSACTIONAL_ID_AUTHORIZATION))
    return new BrokerError(
      'misconfigured',
      `Kafka refuses the transactional id ${fence}: grant WRITE and DESCRIBE on TransactionalId 'oncommit.' (prefixed), or use guarantee: 'at-least-once'`,
      { cause: error },
    )
  if (error.kind === 'away' && codes.includes(NOT_AVAILABLE))
    return new BrokerError(
      'away',
      `${error.message}. If it stays so, Kafka can not make its topic of transactions: transaction.state.log.replication.factor and transaction.state.log.min.isr must fit the number of brokers`,
      { cause: error },
    )
  return error
}

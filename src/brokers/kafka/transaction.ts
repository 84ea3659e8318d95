import type { BrokerError } from '../../core/errors.ts'
import type { TopicPartition } from '../../core/log.ts'
import type { Cluster } from './cluster.ts'
import {
  CONCURRENT_TRANSACTIONS,
  TRANSACTIONAL_ID_NOT_FOUND,
  answeredCodes,
  isAnswer,
  kindOfCode,
  toBrokerError,
} from './failures.ts'
import type { AddPartitionsResponse, KafkaApi } from './kafka-client.ts'
import { openPlaces } from './open-places.ts'
import { produce, type Outcome } from './produce.ts'
import { encodeBatch } from './record-batch.ts'
import { retrying, type RetryRule } from './retrying.ts'
import { placeKey, type PartitionBatch } from './sends.ts'
import { Slab } from './slab.ts'
import { TopicDirectory, problemOf } from './topic-directory.ts'

export type Decision = 'commit' | 'abort'

export interface TransactionalOptions {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  readonly publishTimeoutMs: number
  readonly compression: string
}

/**
 * One transactional id, and the one transaction that it may have open.
 *
 * `take` asks for the id as whoever comes new: it shuts out the holder before. It is called once,
 * before anything is published. After that the id is only ever asked for as its own holder
 * (`renew`), which fails where another one took it in the meantime: a frozen process that wakes up
 * can't take back what its successor fenced.
 *
 * Sequence numbers are counted when a batch is written, so that a refused one leaves no gap. A
 * request that was not answered may still be under way when the next transaction is open. `stale`
 * remembers it, and `renew` then raises the epoch, which makes the broker refuse that request.
 *
 * A coordinator that restarts while a partition has no leader may drop that partition from a
 * decided transaction (KAFKA-20734, seen with Kafka 4.3): nobody ends it there, and committed-only
 * readers stand still. So after each disturbance it is looked for on the partitions, and ended:
 * the marker of a later transaction ends all that its producer has open.
 */
export class TransactionalProducer {
  readonly transactionalId: string
  readonly directory: TopicDirectory
  readonly #cluster: Cluster
  readonly #options: TransactionalOptions
  readonly #sequences = new Map<string, number>()
  readonly #slab = new Slab()
  #producerId = -1n
  #epoch = -1
  #coordinator: number | undefined
  #stale = false
  #open = false
  /** Where the open transaction writes. */
  #places: readonly TopicPartition[] = []
  /** What was decided last, where: since the last time that all was known to be ended. */
  readonly #decided = new Map<string, TopicPartition & { readonly decision: Decision }>()

  constructor(cluster: Cluster, options: TransactionalOptions) {
    this.#cluster = cluster
    this.#options = options
    this.transactionalId = options.transactionalId
    this.directory = new TopicDirectory(cluster)
  }

  /** A transaction is open: its records are written and not decided. */
  get open(): boolean {
    return this.#open
  }

  /** Takes the id and shuts out whoever held it. Its transaction is decided when this resolves. */
  async take(rule: RetryRule): Promise<void> {
    await this.#initialise(-1n, -1, rule)
  }

  /**
   * After a disturbance: shuts out this producer's own requests that may still be under way, and
   * sees to it that what was decided is ended everywhere.
   */
  async renew(rule: RetryRule): Promise<void> {
    if (!this.#stale) return
    await this.#initialise(this.#producerId, this.#epoch, rule)
    const decided = Map.groupBy(this.#decided.values(), ({ decision }) => decision)
    for (const [decision, places] of decided) await this.#complete(places, decision, rule)
    this.#decided.clear()
  }

  /**
   * Takes the id, and ends on these partitions what the holder has left open there. Looks before it
   * takes: taking makes the coordinator forget how it had decided, and whoever finds a partition
   * without a leader has to be able to begin again. What is open only after it, the taking aborted.
   */
  async takeAndComplete(places: readonly TopicPartition[], rule: RetryRule): Promise<void> {
    const last = await this.#lastTransaction(rule)
    const left = last === null ? [] : await this.#openOn(places, last.producerId, rule)
    await this.take(rule)
    if (last !== null) await this.#complete(left, last.decision, rule)
    await this.#complete(places, 'abort', rule)
  }

  async #lastTransaction(
    rule: RetryRule,
  ): Promise<{ readonly producerId: bigint; readonly decision: Decision } | null> {
    const { api } = this.#cluster.peer.describeTransactionsV0
    try {
      const { transactionStates } = await this.#askCoordinator(rule, api, [this.transactionalId])
      const [last] = transactionStates
      if (last === undefined) return null
      const { producerId, transactionState } = last
      return { producerId, decision: transactionState.endsWith('Commit') ? 'commit' : 'abort' }
    } catch (error) {
      if (answeredCodes(error).includes(TRANSACTIONAL_ID_NOT_FOUND)) return null
      throw error
    }
  }

  async #openOn(
    places: readonly TopicPartition[],
    producerId: bigint,
    rule: RetryRule,
  ): Promise<readonly TopicPartition[]> {
    const where = { cluster: this.#cluster, directory: this.directory }
    return openPlaces(where, { producerId, places }, rule)
  }

  /** Ends what is still open on these partitions, though the coordinator has decided it. */
  async #complete(
    places: readonly TopicPartition[],
    decision: Decision,
    rule: RetryRule,
  ): Promise<void> {
    let open = places
    for (;;) {
      open = await this.#openOn(open, this.#producerId, rule)
      if (open.length === 0) return
      await this.#add(open, rule)
      await this.#decide(decision, rule)
      // Resolves when the transaction is completed.
      await this.#initialise(this.#producerId, this.#epoch, rule)
    }
  }

  /**
   * Opens a transaction over these partitions. The answer has the topics that can't be written to:
   * where there are any, nothing is open.
   */
  async begin(
    batches: readonly PartitionBatch[],
    rule: RetryRule,
  ): Promise<ReadonlyMap<string, BrokerError>> {
    try {
      await this.#add(batches, rule)
    } catch (error) {
      const failure = toBrokerError(error)
      const problems = problemsOf(failure.cause)
      if (failure.kind !== 'topic-unavailable' || problems.size === 0) throw failure
      this.directory.forget(batches.map(({ topic }) => topic))
      return problems
    }
    this.#places = batches.map(({ topic, partition }) => ({ topic, partition }))
    this.#open = true
    return new Map()
  }

  /** Writes one batch to each of several partitions of the open transaction. */
  async write(batches: readonly PartitionBatch[], rule: RetryRule): Promise<readonly Outcome[]> {
    const { peer } = this.#cluster
    const producer = {
      producerId: this.#producerId,
      producerEpoch: this.#epoch,
      transactional: true,
    }
    const timestamp = Date.now()
    const slab = this.#slab
    slab.reset()
    const encoded = batches.map((batch) => {
      const sequence = this.#sequences.get(placeKey(batch)) ?? 0
      const { compression } = this.#options
      return {
        batch,
        bytes: encodeBatch(peer, batch, { producer, sequence, timestamp, compression, slab }),
      }
    })
    const outcomes = await produce(
      {
        cluster: this.#cluster,
        directory: this.directory,
        transactionalId: this.transactionalId,
        timeoutMs: this.#options.publishTimeoutMs,
        onAmbiguous: () => (this.#stale = true),
      },
      encoded,
      rule,
    )
    for (const { batch, state } of outcomes) if (state === 'written') this.#count(batch)
    return outcomes
  }

  /** Decides the open transaction. */
  async end(decision: Decision, rule: RetryRule): Promise<void> {
    if (!this.#open) return
    await this.#decide(decision, rule)
    this.#open = false
    if (!this.#stale) this.#decided.clear()
    for (const place of this.#places) this.#decided.set(placeKey(place), { ...place, decision })
    await this.renew(rule)
  }

  close(): void {
    this.#cluster.close()
  }

  async #add(places: readonly TopicPartition[], rule: RetryRule): Promise<void> {
    const topics = Array.from(
      Map.groupBy(places, ({ topic }) => topic),
      ([name, own]) => ({ name, partitions: [...new Set(own.map(({ partition }) => partition))] }),
    )
    const transaction = {
      transactionalId: this.transactionalId,
      producerId: this.#producerId,
      producerEpoch: this.#epoch,
      topics,
    }
    await this.#askCoordinator(rule, this.#cluster.peer.addPartitionsToTxnV3.api, [transaction])
  }

  async #decide(decision: Decision, rule: RetryRule): Promise<void> {
    await this.#askCoordinator(
      rule,
      this.#cluster.peer.endTxnV3.api,
      this.transactionalId,
      this.#producerId,
      this.#epoch,
      decision === 'commit',
    )
  }

  #count(batch: PartitionBatch): void {
    const key = placeKey(batch)
    const next = ((this.#sequences.get(key) ?? 0) + batch.indexes.length) % 2 ** 31
    this.#sequences.set(key, next)
  }

  async #initialise(producerId: bigint, epoch: number, rule: RetryRule): Promise<void> {
    const given = await this.#askCoordinator(
      rule,
      this.#cluster.peer.initProducerIdV4.api,
      this.transactionalId,
      this.#options.transactionTimeoutMs,
      producerId,
      epoch,
    )
    this.#producerId = given.producerId
    this.#epoch = given.producerEpoch
    this.#sequences.clear()
    this.#stale = false
    this.#open = false
  }

  async #askCoordinator<Args extends readonly unknown[], Response>(
    rule: RetryRule,
    api: KafkaApi<Args, Response>,
    ...args: Args
  ): Promise<Response> {
    return retrying(async () => {
      try {
        this.#coordinator ??= await this.#cluster.coordinatorOf(this.transactionalId)
        return await this.#cluster.askNode(this.#coordinator, api, ...args)
      } catch (error) {
        const answered = isAnswer(error)
        if (!answered) this.#stale = true
        if (!answered || !answeredCodes(error).includes(CONCURRENT_TRANSACTIONS))
          this.#coordinator = undefined
        throw error
      }
    }, rule)
  }
}

/** Which topics an AddPartitionsToTxn was refused for. */
function problemsOf(refusal: unknown): ReadonlyMap<string, BrokerError> {
  const { response } = refusal as { response?: AddPartitionsResponse }
  const problems = new Map<string, BrokerError>()
  for (const { name, resultsByPartition } of response?.resultsByTransaction[0]?.topicResults ??
    []) {
    const code = resultsByPartition
      .map(({ partitionErrorCode }) => partitionErrorCode)
      .find((one) => kindOfCode(one) === 'topic-unavailable')
    if (code !== undefined) problems.set(name, problemOf(name, code))
  }
  return problems
}

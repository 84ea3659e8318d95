import type { PublishBatch, PublishedBatch } from '../../core/broker.ts'
import type { WireRecord } from '../../core/codec.ts'
import { BrokerError, reasonOf } from '../../core/errors.ts'
import { formatRanges, parseRanges } from '../../core/id-ranges.ts'
import type { Cluster } from './cluster.ts'
import { TOPIC_ALREADY_EXISTS, answeredCodes } from './failures.ts'
import type { FetchedBatch } from './kafka-client.ts'
import type { TopicPartition } from '../../core/log.ts'
import { partitionOf } from '../../core/murmur2.ts'
import { retrying, type RetryRule } from './retrying.ts'
import type { PartitionBatch } from './sends.ts'
import type { TopicDirectory } from './topic-directory.ts'

/**
 * A marker is the record in each transaction that says which batch it is. Its key is the
 * transactional id. Markers stay on the first `PARTITIONS` partitions for good: a topic that
 * gets more of them later must not move a key.
 */
const PARTITIONS = 8

const CONTROL_BATCH = 0x20
const TRANSACTIONAL_BATCH = 0x10
const COMMIT = 1
const LATEST = -1n
const EARLIEST = -2n
const FIRST_WINDOW = 64
const NOTHING_READ = 'Kafka: a broker has less of the markers than there is'
const FETCH_BYTES = 8 * 1024 * 1024

/** The marker of a batch, as the batch of its partition. */
export function markerBatch(
  place: { topic: string; partition: number },
  marker: { key: string; relayId: string; batch: PublishBatch; topics: readonly string[] },
): PartitionBatch {
  const { relayId: relay, topics } = marker
  const { number: batch, ids } = marker.batch
  const value: MarkerValue = { relay, batch, ids: formatRanges(ids), topics }
  const record: WireRecord = {
    key: Buffer.from(marker.key),
    value: Buffer.from(JSON.stringify(value)),
    headers: [],
  }
  return { ...place, records: [record], indexes: [0] }
}

/** Where the markers of a transactional id are. */
export function markerPartition(key: string, partitions: number): number {
  return partitionOf(Buffer.from(key), Math.min(partitions, PARTITIONS))
}

interface MarkerValue {
  readonly relay: string
  readonly batch: number
  readonly ids: string
  /** Where the events of the batch are. */
  readonly topics: readonly string[]
}

/** The topic where the markers are kept. */
export class MarkerTopic {
  readonly #name: string
  readonly #cluster: Cluster
  readonly #directory: TopicDirectory

  constructor(name: string, cluster: Cluster, directory: TopicDirectory) {
    this.#name = name
    this.#cluster = cluster
    this.#directory = directory
  }

  /**
   * Makes the topic where it is missing, and sees to it that it can be read: a relay that can
   * publish but not be taken over would be found out in the worst moment.
   */
  async prepare(replication: number, key: string, rule: RetryRule): Promise<void> {
    const problem = (await this.#ensure(rule)).get(this.#name)
    if (problem !== undefined) {
      await this.#create(replication, problem, rule)
      await retrying(async () => {
        const still = (await this.#directory.ensure([this.#name])).get(this.#name)
        if (still !== undefined) throw new BrokerError('away', still.message, { cause: still })
      }, rule)
    }
    try {
      await retrying(async () => {
        const end = await this.#offset(key, LATEST)
        await this.#read(key, end, end)
      }, rule)
    } catch (error) {
      throw this.#explained(error)
    }
  }

  /**
   * The last committed batch of a transactional id whose holder is shut out, so that all of its
   * transactions are decided. It reads back from the high watermark: an open transaction of another
   * relay's holds the last stable offset below it.
   */
  async lastOf(key: string, rule: RetryRule): Promise<PublishedBatch | null> {
    const marker = await this.#find(key, ({ committed }) => committed, rule)
    return marker && { relayId: marker.relay, number: marker.batch, ids: parseRanges(marker.ids) }
  }

  /** Where a transactional id wrote last, whatever was decided: its marker, and all of its topics. */
  async lastPlacesOf(key: string, rule: RetryRule): Promise<readonly TopicPartition[]> {
    const marker = await this.#find(key, ({ last }) => last, rule)
    if (marker === null) return []
    const topics = [this.#name, ...marker.topics]
    const gone = await retrying(async () => this.#directory.ensure(topics), rule)
    return topics
      .filter((topic) => !gone.has(topic))
      .flatMap((topic) =>
        this.#directory.at(topic).leaders.map((_, partition) => ({ topic, partition })),
      )
  }

  /** Looks further and further back for a marker. */
  async #find(
    key: string,
    wanted: (seen: MarkerSearch) => Buffer | null | undefined,
    rule: RetryRule,
  ): Promise<MarkerValue | null> {
    const problem = (await this.#ensure(rule)).get(this.#name)
    if (problem !== undefined) throw this.#explained(problem)
    const end = await retrying(async () => this.#offset(key, LATEST), rule)
    const start = await retrying(async () => this.#offset(key, EARLIEST), rule)
    for (let window = FIRST_WINDOW; ; window *= 4) {
      const from = end - BigInt(window) > start ? end - BigInt(window) : start
      const value = wanted(await this.#search(key, { from, end }, rule))
      if (value !== undefined) return parseMarker(value)
      if (from === start) return null
    }
  }

  /** The markers between two offsets. */
  async #search(
    key: string,
    { from, end }: { from: bigint; end: bigint },
    rule: RetryRule,
  ): Promise<MarkerSearch> {
    const search = new MarkerSearch(key)
    for (let at = from; at < end;) {
      const last = await retrying(async () => {
        const batches = await this.#read(key, at, end)
        for (const batch of batches) search.see(batch)
        // A new leader may not know yet how far the partition is committed.
        return batches.at(-1) ?? Promise.reject(new BrokerError('away', NOTHING_READ))
      }, rule)
      at = last.firstOffset + BigInt(last.lastOffsetDelta) + 1n
    }
    return search
  }

  async #ensure(rule: RetryRule): Promise<ReadonlyMap<string, BrokerError>> {
    return retrying(async () => this.#directory.ensure([this.#name]), rule)
  }

  async #create(replication: number, problem: BrokerError, rule: RetryRule): Promise<void> {
    const topic = {
      name: this.#name,
      numPartitions: PARTITIONS,
      replicationFactor: replication,
      assignments: [],
      configs: [{ name: 'cleanup.policy', value: 'compact' }],
    }
    try {
      await retrying(
        async () =>
          this.#cluster.askAny(this.#cluster.peer.createTopicsV5.api, [topic], 5_000, false),
        rule,
      )
    } catch (error) {
      const codes = answeredCodes(error)
      if (codes.includes(TOPIC_ALREADY_EXISTS)) return
      if ((error as BrokerError).kind === 'away') throw error
      throw new BrokerError(
        'misconfigured',
        `Kafka: the topic of markers can not be made (${reasonOf(error)}; ${problem.message}): make the topic ${this.#name} by hand with ${PARTITIONS} partitions and cleanup.policy=compact, or grant CREATE on it`,
        { cause: error, topic: this.#name },
      )
    }
  }

  async #offset(key: string, timestamp: bigint): Promise<bigint> {
    const { topics } = await this.#onLeader(key, ({ leader, partition }) =>
      this.#cluster.askNode(leader, this.#cluster.peer.listOffsetsV6.api, -1, 0, [
        {
          name: this.#name,
          partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }],
        },
      ]),
    )
    const offset = topics[0]?.partitions[0]?.offset
    if (offset === undefined) throw new BrokerError('unknown', 'Kafka: no offset in the answer')
    return offset
  }

  /** Batches from an offset on, below `end`: at least one where there is one. */
  async #read(key: string, from: bigint, end: bigint): Promise<readonly FetchedBatch[]> {
    const { responses } = await this.#onLeader(key, ({ leader, partition, topicId }) => {
      const wanted = {
        partition,
        currentLeaderEpoch: -1,
        fetchOffset: from,
        lastFetchedEpoch: -1,
        partitionMaxBytes: FETCH_BYTES,
      }
      const topics = [{ topicId, partitions: [wanted] }]
      const { api } = this.#cluster.peer.fetchV13
      return this.#cluster.askNode(leader, api, 0, 0, FETCH_BYTES, 0, 0, -1, topics, [], '')
    })
    const batches = responses[0]?.partitions[0]?.records ?? []
    return batches.filter(
      ({ firstOffset, lastOffsetDelta }) =>
        firstOffset + BigInt(lastOffsetDelta) >= from && firstOffset < end,
    )
  }

  async #onLeader<T>(key: string, ask: (place: MarkerPlace) => Promise<T>): Promise<T> {
    const problem = (await this.#directory.ensure([this.#name])).get(this.#name)
    if (problem !== undefined) throw problem
    const { topicId, leaders } = this.#directory.at(this.#name)
    const partition = markerPartition(key, leaders.length)
    const leader = leaders[partition] ?? -1
    try {
      if (leader < 0) throw new BrokerError('away', `Kafka: ${this.#name} has no leader`)
      return await ask({ topicId, partition, leader })
    } catch (error) {
      this.#directory.forget([this.#name])
      throw error
    }
  }

  #explained(error: unknown): unknown {
    if (!(error instanceof BrokerError) || error.kind !== 'topic-unavailable') return error
    return new BrokerError(
      'misconfigured',
      `${error.message}: exactly-once needs READ, WRITE and DESCRIBE on the topic ${this.#name}`,
      { cause: error, topic: this.#name },
    )
  }
}

interface MarkerPlace {
  readonly topicId: string
  readonly partition: number
  readonly leader: number
}

/** The last markers of one key, in batches seen in order. */
class MarkerSearch {
  /** The value of the last one that a commit confirmed: `null` for one that was tidied away. */
  committed: Buffer | null | undefined
  /** The last one, whatever became of it. */
  last: Buffer | null | undefined
  readonly #key: Buffer
  readonly #open = new Map<bigint, Buffer | null>()

  constructor(key: string) {
    this.#key = Buffer.from(key)
  }

  see(batch: FetchedBatch): void {
    if ((batch.attributes & CONTROL_BATCH) !== 0) {
      const open = this.#open.get(batch.producerId)
      if (open === undefined) return
      this.#open.delete(batch.producerId)
      if (batch.records[0]?.key?.readInt16BE(2) === COMMIT) this.committed = open
      return
    }
    for (const { key, value } of batch.records) {
      if (key === null || !this.#key.equals(key)) continue
      this.last = value
      if ((batch.attributes & TRANSACTIONAL_BATCH) === 0) this.committed = value
      else this.#open.set(batch.producerId, value)
    }
  }
}

function parseMarker(value: Buffer | null): MarkerValue | null {
  if (value === null) return null
  try {
    return JSON.parse(value.toString()) as MarkerValue
  } catch (error) {
    throw new BrokerError('unknown', 'Kafka: a marker can not be read', { cause: error })
  }
}

import type { FetchOptions, Position } from '../../core/log.ts'
import { type FetchParser, fetchParser } from './fetch-answer.ts'
import type { LogCluster } from './log-cluster.ts'
import { byTopic, partitionKey } from './partition-key.ts'
import type { FetchAnswer, FetchTopic, PartitionAnswer, Pool } from './wire.ts'

/** A position with the id of its topic. */
export interface FetchPosition extends Position {
  readonly topicId: string
}

/** A partition's part of an answer, with the position that was asked for. */
export interface FetchedPartition {
  readonly position: Position
  readonly partition: PartitionAnswer
}

export type FetchOutcome = readonly FetchedPartition[] | { readonly error: unknown }

/** A fetch that was sent. */
export interface Flight {
  /** Never rejects. */
  readonly landed: Promise<void>
  /** `null` while the broker waits. */
  readonly outcome: FetchOutcome | null
}

interface OwnFlight extends Flight {
  readonly asked: ReadonlyMap<string, bigint>
  outcome: FetchOutcome | null
}

/** A longer wait is cut into several, so that a broker that hangs is noticed. */
const MAX_WAIT_MS = 5_000
const READ_COMMITTED = 1
const NO_SESSION = 0
/** Of a fetch that is no part of a session. */
const FINAL_EPOCH = -1
const LAST_VERSION_WITH_NAMES = 12

/**
 * The way to one node. A broker answers the requests of a connection in turn, and a fetch that
 * waits holds back what comes behind it: so there is one fetch at a time, whose late answer serves
 * the next call if that asks for the same, and whose connection is thrown away if not.
 */
export class FetchLine {
  readonly #cluster: LogCluster
  readonly #node: number
  readonly #parse: FetchParser
  #pool: Pool
  #flight: OwnFlight | null = null

  constructor(cluster: LogCluster, node: number) {
    this.#cluster = cluster
    this.#node = node
    this.#parse = fetchParser(cluster.wire)
    this.#pool = this.#openPool()
  }

  /** The fetch under way or already answered, where it brings all `positions`; else a new one. */
  ask(positions: readonly FetchPosition[], options: FetchOptions): Flight {
    const flight = this.#flight
    if (flight !== null && isWorthKeeping(flight, positions)) return flight
    if (flight?.outcome === null) this.#drop()
    const sent: OwnFlight = {
      asked: new Map(positions.map((one) => [partitionKey(one), one.offset])),
      outcome: null,
      landed: this.#send(positions, options).then(
        (outcome) => void (sent.outcome = outcome),
        (error: unknown) => void (sent.outcome = { error }),
      ),
    }
    this.#flight = sent
    return sent
  }

  /** Gives an answer away: the next call asks anew. */
  take(flight: Flight): void {
    if (this.#flight === flight) this.#flight = null
  }

  async close(): Promise<void> {
    this.#flight = null
    await this.#pool.close()
  }

  #drop(): void {
    // Whoever waited for it has gone: that the connection ends under it is nobody's failure.
    this.#pool.close().catch(() => {})
    this.#pool = this.#openPool()
  }

  #openPool(): Pool {
    return this.#cluster.openPool(MAX_WAIT_MS + this.#cluster.requestTimeoutMs)
  }

  async #send(positions: readonly FetchPosition[], options: FetchOptions): Promise<FetchOutcome> {
    const pool = this.#pool
    const version = await this.#cluster.version(this.#node, 'Fetch', pool)
    const named = version <= LAST_VERSION_WITH_NAMES
    const topics = toFetchTopics(positions, options.maxPartitionBytes, named)
    const answer = await this.#cluster.fetch(
      this.#node,
      [
        ...([Math.min(Math.ceil(options.maxWaitMs), MAX_WAIT_MS), 1, options.maxBytes] as const),
        ...([READ_COMMITTED, NO_SESSION, FINAL_EPOCH, topics, [], ''] as const),
      ],
      { pool, parse: this.#parse },
    )
    return toPartitions(answer, positions, named)
  }
}

function isWorthKeeping(flight: OwnFlight, positions: readonly Position[]): boolean {
  if (!positions.every((one) => flight.asked.get(partitionKey(one)) === one.offset)) return false
  const { outcome } = flight
  if (outcome === null) return true
  // An answer that lay about is as good as new if it has records, and out of date if not.
  const wanted = new Set(positions.map(partitionKey))
  return (
    !('error' in outcome) &&
    outcome.some(
      (one) => wanted.has(partitionKey(one.position)) && (one.partition.records?.length ?? 0) > 0,
    )
  )
}

function toFetchTopics(
  positions: readonly FetchPosition[],
  maxPartitionBytes: number,
  named: boolean,
): readonly FetchTopic[] {
  return Array.from(byTopic(positions), ([topic, ofTopic]) => ({
    topicId: named ? topic : (ofTopic[0]?.topicId ?? ''),
    partitions: ofTopic.map(({ partition, offset }) => ({
      partition,
      fetchOffset: offset,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      partitionMaxBytes: maxPartitionBytes,
    })),
  }))
}

function toPartitions(
  answer: FetchAnswer,
  positions: readonly FetchPosition[],
  named: boolean,
): readonly FetchedPartition[] {
  const asked = new Map(
    positions.map((one) => [`${named ? one.topic : one.topicId}:${one.partition}`, one]),
  )
  return answer.responses.flatMap(({ topicId, partitions }) =>
    partitions.flatMap((partition) => {
      const position = asked.get(`${topicId}:${partition.partitionIndex}`)
      return position === undefined ? [] : [{ position, partition }]
    }),
  )
}

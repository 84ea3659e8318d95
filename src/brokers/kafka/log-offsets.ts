import { type Backoff, backoffMs } from '../../core/backoff.ts'
import { systemClock } from '../../core/clock.ts'
import { BrokerError } from '../../core/errors.ts'
import type { Position, TopicPartition } from '../../core/log.ts'
import { brokerErrorOfCode, toBrokerError } from './failures.ts'
import { isTopicDescription, type LogCluster } from './log-cluster.ts'
import { byTopic, partitionKey } from './partition-key.ts'
import { answerOf, errorName, isStale } from './protocol-errors.ts'
import type { ListOffsetsAnswer } from './wire.ts'

const EARLIEST = -2n
const LATEST = -1n
const NO_OFFSET = -1n
const ANY_REPLICA = -1
const READ_COMMITTED = 1
const ATTEMPTS = 5
const RETRY: Backoff = { firstMs: 50, maxMs: 500, jitter: 0.2 }

/** All partitions of topics, as the cluster has them now. Throws a `BrokerError`. */
export async function listPartitions(
  cluster: LogCluster,
  topics: readonly string[],
): Promise<readonly TopicPartition[]> {
  const states = await describe(cluster, topics)
  return topics.flatMap((topic) => {
    const state = states.get(topic)
    if (!isTopicDescription(state)) throw state ?? noAnswer(topic)
    return [...state.leaders.keys()]
      .toSorted((a, b) => a - b)
      .map((partition) => ({ topic, partition }))
  })
}

/**
 * Where partitions begin, end, or have their first record at or after a time; where there is none
 * so young, their end. The end is the last stable offset: what a committed-only reader sees next.
 * Throws a `BrokerError`.
 */
export async function listOffsets(
  cluster: LogCluster,
  partitions: readonly TopicPartition[],
  at: 'earliest' | 'latest' | Date,
): Promise<readonly Position[]> {
  const found = await listAt(cluster, partitions, timestampOf(at))
  const none = found.filter((one) => one.offset === NO_OFFSET)
  const ends = none.length === 0 ? [] : await listAt(cluster, none, LATEST)
  const offsets = new Map([...found, ...ends].map((one) => [partitionKey(one), one.offset]))
  return partitions.map((one) => ({ ...one, offset: offsets.get(partitionKey(one)) ?? 0n }))
}

function timestampOf(at: 'earliest' | 'latest' | Date): bigint {
  if (at === 'earliest') return EARLIEST
  if (at === 'latest') return LATEST
  // Negative numbers mean other things than times.
  return BigInt(Math.max(0, at.getTime()))
}

/** Asks each leader, again with fresh knowledge where one has moved. */
async function listAt(
  cluster: LogCluster,
  partitions: readonly TopicPartition[],
  timestamp: bigint,
): Promise<readonly Position[]> {
  const found: Position[] = []
  let left = partitions
  let problem: BrokerError | null = null
  for (let attempt = 1; left.length > 0; attempt++) {
    if (attempt > ATTEMPTS)
      throw problem ?? new BrokerError('away', 'Kafka: partitions have no leader')
    if (attempt > 1) await systemClock.sleep(backoffMs(RETRY, attempt - 1))
    const states = await describe(cluster, [...new Set(left.map((one) => one.topic))])
    const again: TopicPartition[] = []
    for (const [leader, ofLeader] of groupByLeader(left, states)) {
      try {
        const answers = leader < 0 ? [] : await askLeader(cluster, leader, ofLeader, timestamp)
        found.push(...answers)
        again.push(
          ...ofLeader.filter(
            (one) => !answers.some((other) => partitionKey(one) === partitionKey(other)),
          ),
        )
      } catch (error) {
        problem = toBrokerError(error)
        if (problem.kind !== 'away') throw problem
        again.push(...ofLeader)
      }
    }
    left = again
  }
  return found
}

function groupByLeader(
  partitions: readonly TopicPartition[],
  states: Awaited<ReturnType<LogCluster['describe']>>,
): Map<number, TopicPartition[]> {
  return Map.groupBy(partitions, ({ topic, partition }) => {
    const state = states.get(topic)
    if (!isTopicDescription(state)) throw state ?? noAnswer(topic)
    const leader = state.leaders.get(partition)
    if (leader === undefined)
      throw new BrokerError('topic-unavailable', `${topic} has no partition ${partition}`, {
        topic,
      })
    return leader
  })
}

/** The positions of those that this leader knows; the others it leads no more. */
async function askLeader(
  cluster: LogCluster,
  leader: number,
  partitions: readonly TopicPartition[],
  timestamp: bigint,
): Promise<readonly Position[]> {
  const topics = Array.from(byTopic(partitions), ([name, ofTopic]) => ({
    name,
    partitions: ofTopic.map(({ partition }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: -1,
      timestamp,
    })),
  }))
  const answer = await listFrom(cluster, leader, topics)
  return answer.topics.flatMap(({ name: topic, partitions: listed }) =>
    listed.flatMap(({ partitionIndex: partition, errorCode, offset }) => {
      if (isStale(errorCode)) return []
      if (errorCode !== 0) throw brokerErrorOfCode(errorCode, errorName(errorCode), topic)
      return [{ topic, partition, offset }]
    }),
  )
}

async function listFrom(
  cluster: LogCluster,
  leader: number,
  topics: Parameters<typeof cluster.call<'ListOffsets'>>[2][2],
): Promise<ListOffsetsAnswer> {
  try {
    return await cluster.call(leader, 'ListOffsets', [ANY_REPLICA, READ_COMMITTED, topics])
  } catch (error) {
    const answer = answerOf(error) as ListOffsetsAnswer | undefined
    if (answer?.topics === undefined) throw error
    return answer
  }
}

async function describe(
  cluster: LogCluster,
  topics: readonly string[],
): ReturnType<LogCluster['describe']> {
  try {
    return await cluster.describe(topics)
  } catch (error) {
    throw toBrokerError(error)
  }
}

function noAnswer(topic: string): BrokerError {
  return new BrokerError('topic-unavailable', `Kafka says nothing about topic ${topic}`, { topic })
}

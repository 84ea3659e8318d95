import { BrokerError } from '../../core/errors.ts'
import type { TopicPartition } from '../../core/log.ts'
import { responseOf, type Cluster } from './cluster.ts'
import { TOPIC_FORBIDDEN } from './failures.ts'
import { retrying, type RetryRule } from './retrying.ts'
import type { TopicDirectory } from './topic-directory.ts'

/**
 * On which of these partitions a producer has records whose transaction was not ended there. What
 * may not be looked at (that takes READ) counts as open where another one is.
 */
export async function openPlaces(
  where: { readonly cluster: Cluster; readonly directory: TopicDirectory },
  { producerId, places }: { producerId: bigint; places: readonly TopicPartition[] },
  rule: RetryRule,
): Promise<readonly TopicPartition[]> {
  const open: TopicPartition[] = []
  const hidden: TopicPartition[] = []
  let unseen = places
  await retrying(async () => {
    const gone = await where.directory.ensure(unseen.map(({ topic }) => topic))
    unseen = unseen.filter(({ topic }) => !gone.has(topic))
    for (const [leader, own] of Map.groupBy(unseen, (place) => leaderOf(where.directory, place))) {
      const states = await look(where, leader, own)
      for (const [place, state] of states) {
        if (state === 'hidden') hidden.push(place)
        else if (state.has(producerId)) open.push(place)
      }
      unseen = unseen.filter((place) => !states.has(place))
    }
    if (unseen.length === 0) return
    where.directory.forget(unseen.map(({ topic }) => topic))
    const names = unseen.map(({ topic, partition }) => `${topic}-${partition}`).join(', ')
    throw new BrokerError('away', `Kafka: no leader tells of the transactions on ${names}`)
  }, rule)
  return open.length === 0 ? open : [...open, ...hidden]
}

function leaderOf(directory: TopicDirectory, { topic, partition }: TopicPartition): number {
  return directory.at(topic).leaders[partition] ?? -1
}

/** The producers with an open transaction, for the partitions that this broker leads. */
async function look(
  { cluster }: { readonly cluster: Cluster },
  leader: number,
  places: readonly TopicPartition[],
): Promise<ReadonlyMap<TopicPartition, ReadonlySet<bigint> | 'hidden'>> {
  const states = new Map<TopicPartition, ReadonlySet<bigint> | 'hidden'>()
  if (leader < 0) return states
  const asked = Array.from(
    Map.groupBy(places, ({ topic }) => topic),
    ([name, own]) => ({ name, partitionIndexes: own.map(({ partition }) => partition) }),
  )
  const { topics } = await responseOf(
    cluster.askNode(leader, cluster.peer.describeProducersV0.api, asked),
  )
  for (const place of places) {
    const answer = topics
      .find(({ name }) => name === place.topic)
      ?.partitions.find(({ partitionIndex }) => partitionIndex === place.partition)
    if (answer?.errorCode === TOPIC_FORBIDDEN) states.set(place, 'hidden')
    if (answer?.errorCode === 0) states.set(place, openIn(answer.activeProducers))
  }
  return states
}

function openIn(
  producers: readonly { readonly producerId: bigint; readonly currentTxnStartOffset: bigint }[],
): ReadonlySet<bigint> {
  return new Set(
    producers
      .filter(({ currentTxnStartOffset }) => currentTxnStartOffset >= 0n)
      .map(({ producerId }) => producerId),
  )
}

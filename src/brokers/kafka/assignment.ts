import type { TopicPartition } from '../../core/log.ts'

/** A member as the group's leader sees it. */
export interface GroupMember {
  readonly memberId: string
  readonly topics: readonly string[]
}

/**
 * Who reads what: each partition goes to the one with the fewest so far of those who read its
 * topic. Every member is in the answer. Members may read different topics, which the client's own
 * assigner does not allow for: it gives away the leader's topics only.
 */
export function assignPartitions(
  members: readonly GroupMember[],
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, TopicPartition[]> {
  const sorted = members.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const assigned = new Map<string, TopicPartition[]>(sorted.map((one) => [one.memberId, []]))
  for (const topic of [...partitionCounts.keys()].toSorted()) {
    const readers = sorted
      .filter((member) => member.topics.includes(topic))
      .map((member) => assigned.get(member.memberId) ?? [])
    for (let partition = 0; partition < (partitionCounts.get(topic) ?? 0); partition++) {
      fewest(readers)?.push({ topic, partition })
    }
  }
  return assigned
}

function fewest<T>(lists: readonly T[][]): T[] | undefined {
  let best = lists[0]
  for (const list of lists) if (best === undefined || list.length < best.length) best = list
  return best
}

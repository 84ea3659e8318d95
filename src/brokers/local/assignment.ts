import type { TopicPartition } from '../../core/log.ts'

export interface GroupMember {
  readonly id: string
  readonly topics: readonly string[]
}

export interface Assigned extends TopicPartition {
  readonly memberId: string
}

/**
 * Shares each topic's partitions among the members that read it: the one with the fewest so far is
 * given the next, the first in order among equals. The same input gives the same shares.
 */
export function assignPartitions(
  members: readonly GroupMember[],
  partitionsOf: (topic: string) => number,
): readonly Assigned[] {
  const loads = new Map(members.map((member) => [member.id, 0]))
  const topics = [...new Set(members.flatMap((member) => member.topics))].toSorted()
  const assigned: Assigned[] = []
  for (const topic of topics) {
    const readers = members.filter((member) => member.topics.includes(topic)).map(({ id }) => id)
    for (let partition = 0; partition < partitionsOf(topic); partition++) {
      const memberId = leastLoaded(readers, loads)
      if (memberId === undefined) break
      loads.set(memberId, (loads.get(memberId) ?? 0) + 1)
      assigned.push({ topic, partition, memberId })
    }
  }
  return assigned
}

function leastLoaded(
  ids: readonly string[],
  loads: ReadonlyMap<string, number>,
): string | undefined {
  let least: string | undefined
  for (const id of ids)
    if (least === undefined || (loads.get(id) ?? 0) < (loads.get(least) ?? 0)) least = id
  return least
}

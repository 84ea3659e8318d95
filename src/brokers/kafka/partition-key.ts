import type { TopicPartition } from '../../core/log.ts'

/** A partition as a key of maps. No topic has a colon in its name. */
export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`
}

/** Positions, marks or partitions by their topic, in the order of the first of each. */
export function byTopic<T extends TopicPartition>(all: readonly T[]): Map<string, T[]> {
  return Map.groupBy(all, (one) => one.topic)
}

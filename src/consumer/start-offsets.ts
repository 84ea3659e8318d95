import type { LogClient, Position, TopicPartition } from '../core/log.ts'
import type { StartAt } from './options.ts'

/** Where to begin in each of these partitions. */
export async function startOffsets(
  client: LogClient,
  partitions: readonly TopicPartition[],
  from: StartAt,
): Promise<readonly Position[]> {
  if (partitions.length === 0) return []
  if (!Array.isArray(from))
    return client.offsets(partitions, from as Exclude<StartAt, readonly Position[]>)
  const given = new Map((from as readonly Position[]).map((at) => [partitionName(at), at]))
  // A partition that was not named begins at its first record: nothing is passed over unasked.
  const rest = partitions.filter((partition) => !given.has(partitionName(partition)))
  const found = rest.length === 0 ? [] : await client.offsets(rest, 'earliest')
  return [...partitions.flatMap((partition) => given.get(partitionName(partition)) ?? []), ...found]
}

export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

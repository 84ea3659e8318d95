import type { LogClient, Position, TopicPartition } from '../../core/log.ts'
import type { ReadingSettings } from './reading-options.ts'

/** Where to begin in each of these partitions. */
export async function startOffsets(
  client: Pick<LogClient, 'offsets'>,
  partitions: readonly TopicPartition[],
  from: ReadingSettings['from'],
): Promise<readonly Position[]> {
  if (partitions.length === 0) return []
  if (from === 'earliest' || from === 'latest' || from instanceof Date)
    return client.offsets(partitions, from)
  const given = new Map(from.map((at) => [partitionName(at), at]))
  // A partition that was not named begins at its first record: nothing is passed over unasked.
  const rest = partitions.filter((partition) => !given.has(partitionName(partition)))
  const found = rest.length === 0 ? [] : await client.offsets(rest, 'earliest')
  return [...partitions.flatMap((partition) => given.get(partitionName(partition)) ?? []), ...found]
}

export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

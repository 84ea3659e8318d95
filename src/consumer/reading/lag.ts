import type { PartitionMark } from './marks.ts'

/** How far one partition is read. */
export interface PartitionLag {
  readonly topic: string
  readonly partition: number
  /** Everything below it is handled. */
  readonly mark: bigint
  /** Records between the mark and the end of the partition; `null` before the first fetch. */
  readonly lag: bigint | null
}

export function partitionLag({ topic, partition, offset, endOffset }: PartitionMark): PartitionLag {
  const behind = endOffset === null ? null : endOffset - offset
  return { topic, partition, mark: offset, lag: behind !== null && behind < 0n ? 0n : behind }
}

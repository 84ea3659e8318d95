import type { Mark, TopicPartition } from '../../core/log.ts'
import { partitionKey } from './partition-key.ts'

/** What a member holds between two gatherings of its group. */
export interface Ownership {
  readonly partitions: readonly TopicPartition[]
  /** The generation as the reader is told: its own, since a group that was forgotten begins at 1 again. */
  readonly stamp: number
  readonly keys: ReadonlySet<string>
  /** Aborted when it is over before the group said so: expelled, or leaving. */
  readonly over: AbortController
}

export function ownershipOf(partitions: readonly TopicPartition[], stamp: number): Ownership {
  return {
    partitions,
    stamp,
    keys: new Set(partitions.map(partitionKey)),
    over: new AbortController(),
  }
}

export function owns(owned: Ownership | null, mark: Mark): boolean {
  return owned !== null && mark.generation === owned.stamp && owned.keys.has(partitionKey(mark))
}

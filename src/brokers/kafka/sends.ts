import type { TopicRecord } from '../../core/broker.ts'
import type { TopicPartition } from '../../core/log.ts'
import { partitionOf } from '../../core/murmur2.ts'
import { recordBytes, type BatchSource } from './record-batch.ts'

/** Records that one partition takes in one request. */
export interface PartitionBatch extends BatchSource, TopicPartition {}

/** The name of a partition in maps. */
export function placeKey({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`
}

/**
 * Kafka refuses a partition's batch over `max.message.bytes` (1,048,588 by default) as a whole:
 * a send is closed well before.
 */
export const MAX_BATCH_BYTES: number = 900 * 1024

interface OpenBatch extends PartitionBatch {
  readonly indexes: number[]
  bytes: number
  /** Which send it belongs to. */
  send: number
}

/** Spreads the keyless records: they stay with one partition of a topic for a batch, then move on. */
export class KeylessTurns {
  readonly #turns = new Map<string, number>()

  at(topic: string): number {
    return this.#turns.get(topic) ?? 0
  }

  next(topic: string): void {
    this.#turns.set(topic, (this.at(topic) + 1) % 0x4000_0000)
  }
}

/**
 * Divides a batch into sends to be made one after the other. Within each partition the records keep
 * their order; a record without a key has none. Keys go where Java's default partitioner puts them.
 */
export function planSends(
  records: readonly TopicRecord[],
  partitionsOf: (topic: string) => number,
  turns: KeylessTurns,
): readonly (readonly PartitionBatch[])[] {
  const sends: OpenBatch[][] = []
  const topics = new Map<string, TopicPlan>()
  let plan: TopicPlan | undefined
  for (let index = 0; index < records.length; index++) {
    const record = records[index] as TopicRecord
    if (plan?.topic !== record.topic) {
      plan = topics.get(record.topic)
      if (plan === undefined) {
        plan = { topic: record.topic, partitions: partitionsOf(record.topic), open: [] }
        topics.set(record.topic, plan)
      }
    }
    place({ records, index, bytes: recordBytes(record) }, plan, { sends, turns })
  }
  for (const topic of topics.keys()) turns.next(topic)
  return sends
}

interface TopicPlan {
  readonly topic: string
  readonly partitions: number
  /** By partition. */
  readonly open: (OpenBatch | undefined)[]
}

interface Placing {
  readonly records: readonly TopicRecord[]
  readonly index: number
  readonly bytes: number
}

function place(
  { records, index, bytes }: Placing,
  plan: TopicPlan,
  into: { sends: OpenBatch[][]; turns: KeylessTurns },
): void {
  const { key } = records[index] as TopicRecord
  const partition =
    key === null ? into.turns.at(plan.topic) % plan.partitions : partitionOf(key, plan.partitions)
  const open = plan.open[partition]
  if (open !== undefined && open.bytes + bytes <= MAX_BATCH_BYTES) {
    open.indexes.push(index)
    open.bytes += bytes
    return
  }
  const send = open === undefined ? 0 : open.send + 1
  const batch = { topic: plan.topic, partition, records, indexes: [index], bytes, send }
  plan.open[partition] = batch
  const batches = into.sends[send]
  if (batches === undefined) into.sends[send] = [batch]
  else batches.push(batch)
}

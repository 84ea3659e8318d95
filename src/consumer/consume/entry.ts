import type { LogRecord } from '../../core/codec.ts'
import type { Mended } from '../broken.ts'
import type { Delivery, PartitionMark } from '../reading/marks.ts'
import { Queue } from './queue.ts'

/** A record that was fetched and is not handled. It is its own delivery: there is one per event. */
export class Entry implements Delivery {
  readonly lane: Lane
  readonly offset: bigint
  record: LogRecord
  readonly bytes: number
  /** Counts the events of its partition. */
  readonly number: number
  /** What is handed out for it, once it was read. */
  decoded: Mended | null = null
  /** It, or one behind it in its partition, was handed out. */
  isInHand = false
  handled = false
  at = 0
  /** Where the mark may go when it is in hand: its page ends with it. */
  end: bigint | null = null
  /** Another has the partition, or the consumer has ended: what becomes of it counts no more. */
  isAbandoned = false
  /** By the clock, when it was first given to the handler; `null` where that did not last. */
  beganAt: number | null = null
  attempts = 0
  /** By `clock.monotonic`: when its next attempt comes. */
  dueAt = 0
  firstFailedAt = 0
  lastFailedAt = 0

  constructor(lane: Lane, record: LogRecord, number: number) {
    this.number = number
    this.lane = lane
    this.offset = record.offset
    this.record = record
    this.bytes = bytesOf(record)
  }

  get of(): PartitionMark {
    return this.lane.of.mark
  }

  get topic(): string {
    return this.lane.of.mark.topic
  }

  get partition(): number {
    return this.lane.of.mark.partition
  }

  /** Where it is, for messages and maps. */
  get place(): string {
    return `${this.topic}-${this.partition}@${this.offset}`
  }

  get key(): string | null {
    return this.decoded?.decoded.key ?? this.record.key?.toString() ?? null
  }

  /** The key in whose order it is, whatever else its lane holds; `null` where it is in none. */
  get orderKey(): string | null {
    return this.lane.key === null ? null : (this.record.key?.toString('latin1') ?? null)
  }

  /** Takes its bytes out of the page that they lie in: it may wait for long, the page need not. */
  detach(): void {
    const { key, value, headers } = this.record
    this.record = {
      ...this.record,
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: headers.map(([name, bytes]) => [name, Buffer.from(bytes)]),
    }
  }

  /** Counts a failure. */
  failed(now: number): void {
    if (this.attempts === 0) this.firstFailedAt = now
    this.beganAt ??= now
    this.attempts += 1
    this.lastFailedAt = now
  }
}

/** What it holds in memory, about: names of headers count by their letters. */
function bytesOf({ key, value, headers }: LogRecord): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const [name, header] of headers) bytes += name.length + header.length
  return bytes
}

/** The partition that a lane is of. */
export interface LanesPartition {
  readonly mark: PartitionMark
  /** Keys whose later events follow a dead one. */
  readonly deadKeys: Set<string>
  /** Lanes that wait until the mark is nearer. */
  beyond: Lane[]
  /** How many events lie between the first that is not handled and this one. */
  distance(entry: Entry): number
  /** The event, and all before it, are in hand. */
  handOut(last: Entry): void
  /** The first event of the lane is handled; whether it was the partition's first, too. */
  handled(lane: Lane): boolean
}

/**
 * Events that wait for each other, in offset order: those of a key, or of a partition.
 * `idle`: it has none, or waits for more of them; `ready`: its first may start; `busy`: it runs;
 * `waiting`: for its next attempt, or for a dead letter to be written.
 */
export class Lane {
  readonly of: LanesPartition
  /** As the partition knows it; `null` for an event without order. */
  readonly key: string | null
  readonly entries: Queue<Entry> = new Queue()
  state: 'idle' | 'ready' | 'busy' | 'waiting' = 'idle'
  /** How many of the next ones are given one by one, to find the one that fails. */
  singles = 0
  /** It waits for a batch to fill. */
  isFilling = false
  /** It waited long enough for a batch to fill. */
  isDue = false

  constructor(of: LanesPartition, key: string | null) {
    this.of = of
    this.key = key
  }
}

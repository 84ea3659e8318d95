import type { TopicPartition } from '../core/log.ts'

/** An event that was handed out. */
export interface Delivery {
  readonly of: PartitionMark
  readonly offset: bigint
  handled: boolean
}

/** How many handled events may lie at the front of the list before it is cut. */
const SLACK = 1024

/**
 * How far a partition is handled: the lowest event that was handed out and is not handled, or, where
 * there is none, the position after what was handed out last. It never goes back, and it passes
 * records that no reader sees, so that the lag behind them reaches 0.
 */
export class PartitionMark implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** Of the membership that owns it; 0 without a group. */
  generation: number
  /** What the broker has; `null` where nothing was committed. */
  committed: bigint | null = null
  /** The offset after the partition's last record, as the last fetch saw it. */
  endOffset: bigint | null = null
  /** Handed out and not handled, and what was handled behind those; from `#head` on. */
  readonly #pending: Delivery[] = []
  #head = 0
  #next: bigint

  constructor(at: TopicPartition, start: { offset: bigint; generation: number }) {
    this.topic = at.topic
    this.partition = at.partition
    this.generation = start.generation
    this.#next = start.offset
  }

  /** Everything below it is handled. */
  get offset(): bigint {
    return this.#pending[this.#head]?.offset ?? this.#next
  }

  /** Events handed out at or above the mark, handled ones behind an unhandled one included. */
  get inHand(): number {
    return this.#pending.length - this.#head
  }

  deliver(offset: bigint): Delivery {
    const delivery = { of: this, offset, handled: false }
    this.take(delivery)
    return delivery
  }

  /** The event is handed out: the next one of the partition, by its offset. */
  take(delivery: Delivery): void {
    this.#pending.push(delivery)
    this.#next = delivery.offset + 1n
  }

  /** May come in any order, and again. */
  handle(delivery: Delivery): void {
    delivery.handled = true
    while (this.#pending[this.#head]?.handled === true) this.#head += 1
    if (this.#head === this.#pending.length) {
      this.#pending.length = 0
      this.#head = 0
    } else if (this.#head > SLACK) {
      this.#pending.splice(0, this.#head)
      this.#head = 0
    }
  }

  /** It goes on from where it is: what becomes of its deliveries, done or under way, marks nothing. */
  abandon(): void {
    this.#next = this.offset
    this.#pending.length = 0
    this.#head = 0
  }

  /** All records below `offset` were handed out, or are for no reader. */
  pass(offset: bigint): void {
    if (offset > this.#next) this.#next = offset
  }
}

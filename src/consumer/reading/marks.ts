import type { TopicPartition } from '../../core/log.ts'

/** An event that was handed out. */
export interface Delivery {
  readonly of: PartitionMark
  readonly offset: bigint
  handled: boolean
  /** Its place among all that were handed out of the partition. */
  at: number
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
  /**
   * From `#head` on what was handed out and is not handled, and `null` for what was handled behind
   * that: so that nothing is held of what may lie there for long.
   */
  readonly #pending: (Delivery | null)[] = []
  /** The place of the first one in the list. */
  #base = 0
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
    const delivery = { of: this, offset, handled: false, at: 0 }
    this.take(delivery)
    return delivery
  }

  /** The event is handed out: the next one of the partition, by its offset. */
  take(delivery: Delivery): void {
    delivery.at = this.#base + this.#pending.length
    this.#pending.push(delivery)
    this.#next = delivery.offset + 1n
  }

  /** May come in any order, and again. */
  handle(delivery: Delivery): void {
    delivery.handled = true
    const place = delivery.at - this.#base
    if (this.#pending[place] !== delivery) return
    this.#pending[place] = null
    while (this.#pending[this.#head] === null) this.#head += 1
    if (this.#head === this.#pending.length) this.#clear()
    else if (this.#head > SLACK) {
      this.#pending.splice(0, this.#head)
      this.#base += this.#head
      this.#head = 0
    }
  }

  /** It goes on from where it is: what becomes of its deliveries, done or under way, marks nothing. */
  abandon(): void {
    this.#next = this.offset
    this.#clear()
  }

  /** All records below `offset` were handed out, or are for no reader. */
  pass(offset: bigint): void {
    if (offset > this.#next) this.#next = offset
  }
  #clear(): void {
    this.#base += this.#pending.length
    this.#pending.length = 0
    this.#head = 0
  }
}

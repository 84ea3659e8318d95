import type { PartitionMark } from '../reading/marks.ts'
import type { ReadPage } from '../reading/reader.ts'
import type { Entry, Lane } from './entry.ts'
import { type Order, PartitionWork } from './partition-work.ts'
import { Queue } from './queue.ts'

export interface BacklogLimits {
  readonly order: Order
  /** Most events of a partition. */
  readonly window: number
  readonly windowBytes: number
  /** Most events of one call. */
  readonly batch: number
  /** Told of a lane that has fewer, and is to be offered again when it waited for long enough. */
  readonly onPartial: (lane: Lane) => void
}

export type Entries = readonly [Entry, ...Entry[]]

/** What was fetched and is not handled, and which of it may start next. */
export class Backlog {
  readonly #limits: BacklogLimits
  readonly #works = new Map<PartitionMark, PartitionWork>()
  /** They outlive a rebalance in which the partition is kept, as its mark does. */
  readonly #deadKeys = new WeakMap<PartitionMark, Set<string>>()
  readonly #onIdle = (lane: Lane): void => this.offer(lane)
  #ready = new Queue<Lane>()

  constructor(limits: BacklogLimits) {
    this.#limits = limits
  }

  get works(): Iterable<PartitionWork> {
    return this.#works.values()
  }

  /** How many calls of the handler may start. */
  get ready(): number {
    return this.#ready.length
  }

  of(mark: PartitionMark): PartitionWork | undefined {
    return this.#works.get(mark)
  }

  isFull(mark: PartitionMark): boolean {
    const work = this.#works.get(mark)
    if (work === undefined) return false
    return work.events >= this.#limits.window || work.bytes >= this.#limits.windowBytes
  }

  add(page: ReadPage): void {
    let work = this.#works.get(page.mark)
    if (work === undefined) {
      const deadKeys = this.#deadKeys.get(page.mark) ?? new Set()
      this.#deadKeys.set(page.mark, deadKeys)
      work = new PartitionWork(page.mark, this.#limits.order, deadKeys)
      this.#works.set(page.mark, work)
    }
    work.add(page, this.#onIdle)
  }

  /** The lane may go on. */
  offer(lane: Lane): void {
    lane.state = 'idle'
    const { length, first } = lane.entries
    if (first === undefined) {
      lane.singles = 0
      lane.isDue = false
      return
    }
    const { batch, onPartial } = this.#limits
    const isDue = length >= batch || lane.isDue || lane.singles > 0 || first.isInHand
    // Nothing more of a full partition is fetched: to wait for it would be in vain.
    if (isDue || this.isFull(lane.of.mark)) {
      lane.state = 'ready'
      this.#ready.push(lane)
    } else onPartial(lane)
  }

  /** Hands out what is to be handled next by one call. */
  take(): Entries | null {
    for (let lane = this.#ready.shift(); lane !== undefined; lane = this.#ready.shift()) {
      if (lane.state !== 'ready') continue
      // A timer may have offered it after it went to another.
      if (lane.entries.first?.isAbandoned === true) continue
      const entries = this.#next(lane)
      lane.state = entries === null ? 'idle' : 'busy'
      if (entries === null) continue
      const last = entries.at(-1) ?? entries[0]
      if (lane.of.distance(last) >= this.#limits.window) {
        lane.state = 'ready'
        lane.of.beyond.push(lane)
        continue
      }
      // Each event counts once, however often it is tried.
      if (lane.singles > 0 && entries[0].attempts === 0) lane.singles -= 1
      lane.isDue = false
      lane.of.handOut(last)
      return entries
    }
    return null
  }

  /** The first event of the lane is handled. */
  handled(lane: Lane): void {
    const { of: work } = lane
    // Behind another one the window stays where it is.
    if (!work.handled(lane) || work.beyond.length === 0) return
    this.#ready = new Queue([...work.beyond, ...this.#ready.peek(this.#ready.length)])
    work.beyond = []
  }

  /** Forgets what is not in hand; what is goes on. */
  keepInHand(): void {
    for (const work of this.#works.values()) work.keepInHand()
    const ready = this.#ready.peek(this.#ready.length)
    this.#ready = new Queue(ready.filter((lane) => lane.entries.length > 0))
  }

  /** Forgets all. */
  abandon(): void {
    for (const work of this.#works.values())
      for (const entry of work.unhandled) entry.isAbandoned = true
    this.#works.clear()
    this.#ready = new Queue()
  }

  #next({ entries, singles }: Lane): Entries | null {
    const { batch } = this.#limits
    if (batch > 1 && singles === 0) {
      const [first, ...more] = entries.peek(batch)
      return first === undefined ? null : [first, ...more]
    }
    const { first } = entries
    return first === undefined ? null : [first]
  }
}

import type { PartitionMark } from '../marks.ts'
import type { ReadPage } from '../reader.ts'
import { type Entry, type Lane, type Order, PartitionWork } from './partition-work.ts'

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

/** What was fetched and is not handled, and which of it may start next. */
export class Backlog {
  readonly #limits: BacklogLimits
  readonly #works = new Map<PartitionMark, PartitionWork>()
  #ready: Lane[] = []

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
      work = new PartitionWork(page.mark, this.#limits.order)
      this.#works.set(page.mark, work)
    }
    for (const lane of work.add(page)) if (lane.state === 'idle') this.offer(lane)
  }

  /** The lane may go on. */
  offer(lane: Lane): void {
    lane.state = 'idle'
    const { length } = lane.entries
    if (length === 0) return
    const { batch, onPartial } = this.#limits
    if (length >= batch || lane.isDue || lane.singles > 0 || lane.entries[0]?.delivery !== null) {
      lane.state = 'ready'
      this.#ready.push(lane)
    } else onPartial(lane)
  }

  /** Hands out what is to be handled next by one call. */
  take(): readonly [Entry, ...Entry[]] | null {
    for (let lane = this.#ready.shift(); lane !== undefined; lane = this.#ready.shift()) {
      if (lane.state !== 'ready') continue
      const size = lane.singles > 0 ? 1 : this.#limits.batch
      const [first, ...more] = lane.entries.slice(0, size)
      lane.state = first === undefined ? 'idle' : 'busy'
      if (first === undefined) continue
      if (lane.of.distance(more.at(-1) ?? first) >= this.#limits.window) {
        lane.state = 'ready'
        lane.of.beyond.push(lane)
        continue
      }
      lane.singles = Math.max(0, lane.singles - 1)
      lane.isDue = false
      lane.of.handOut(more.at(-1) ?? first)
      return [first, ...more]
    }
    return null
  }

  /** The first event of the lane is handled. */
  handled(lane: Lane): void {
    const { of: work } = lane
    work.handled(lane)
    if (work.beyond.length === 0) return
    this.#ready.unshift(...work.beyond)
    work.beyond = []
  }

  /** Forgets what is not in hand; what is goes on. */
  keepInHand(): void {
    for (const work of this.#works.values()) work.keepInHand()
    this.#ready = this.#ready.filter((lane) => lane.entries.length > 0)
  }

  /** Forgets all. */
  abandon(): void {
    for (const work of this.#works.values())
      for (const entry of work.unhandled) entry.isAbandoned = true
    this.#works.clear()
    this.#ready = []
  }
}

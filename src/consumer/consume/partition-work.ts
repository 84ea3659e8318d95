import type { LogRecord } from '../../core/codec.ts'
import type { PartitionMark } from '../reading/marks.ts'
import type { ReadPage } from '../reading/reader.ts'
import { Entry, Lane, type LanesPartition } from './entry.ts'

export type Order = 'key' | 'partition' | 'none'

/** How many lanes without events are kept at least, for the next ones of their keys. */
const IDLE_LANES = 1_024
/** How many handled events may lie at the front of the list before it is cut. */
const SLACK = 1_024

/**
 * What was fetched of one partition. An event counts as in hand when it, or a later one, is given to
 * the handler: whoever gets the partition next goes on behind all of these.
 */
export class PartitionWork implements LanesPartition {
  readonly mark: PartitionMark
  readonly deadKeys: Set<string>
  beyond: Lane[] = []
  readonly #order: Order
  readonly #lanes = new Map<string, Lane>()
  #mostLanes = IDLE_LANES
  /**
   * In offset order: from `#head` on what is not handled, and `null` for what was handled behind
   * that; from `#out` on what is not in hand.
   */
  readonly #entries: (Entry | null)[] = []
  /** The number of the first one in the list. */
  #base = 0
  #head = 0
  #out = 0
  #count = 0
  #bytes = 0

  constructor(mark: PartitionMark, order: Order, deadKeys: Set<string> = new Set()) {
    this.mark = mark
    this.deadKeys = deadKeys
    this.#order = order
  }

  /** Events between the mark and the position. */
  get events(): number {
    return this.mark.inHand + this.#entries.length - this.#out
  }

  /** Bytes of the events that are not handled. */
  get bytes(): number {
    return this.#bytes
  }

  /** In the order in which they were fetched. */
  get unhandled(): Iterable<Entry> {
    return this.#unhandled()
  }

  distance(entry: Entry): number {
    const first = this.#entries[this.#head]
    return first == null ? 0 : entry.number - first.number
  }

  /** Takes in the events of the page, and tells of each lane that was idle. */
  add({ page }: ReadPage, onIdle: (lane: Lane) => void): void {
    const idle = new Set<Lane>()
    for (const record of page.records) {
      const lane = this.#laneOf(record)
      const entry = new Entry(lane, record, this.#count++)
      if (lane.state === 'idle') idle.add(lane)
      else if (lane.state === 'waiting') entry.detach()
      lane.entries.push(entry)
      this.#entries.push(entry)
      this.#bytes += entry.bytes
    }
    const last = this.#out === this.#entries.length ? null : this.#entries.at(-1)
    if (last == null) this.mark.pass(page.nextOffset)
    else last.end = page.nextOffset
    for (const lane of idle) onIdle(lane)
    if (this.#lanes.size > this.#mostLanes) this.#forgetIdle()
  }

  handOut(last: Entry): void {
    while (!last.isInHand) {
      const next = this.#entries[this.#out]
      if (next == null) return
      this.#out += 1
      next.isInHand = true
      this.mark.take(next)
      if (next.end !== null) this.mark.pass(next.end)
    }
  }

  handled(lane: Lane): boolean {
    const entry = lane.entries.shift()
    if (entry === undefined || !entry.isInHand) return false
    const isFirst = this.#entries[this.#head] === entry
    this.mark.handle(entry)
    this.#bytes -= entry.bytes
    this.#entries[entry.number - this.#base] = null
    while (this.#entries[this.#head] === null) this.#head += 1
    if (this.#head === this.#entries.length) this.#cut()
    else if (this.#head > SLACK && this.#head * 2 > this.#entries.length) this.#cut()
    return isFirst
  }

  /** Forgets what is not in hand. */
  keepInHand(): void {
    this.beyond = []
    for (const entry of this.#entries.splice(this.#out)) {
      if (entry === null) continue
      entry.isAbandoned = true
      this.#bytes -= entry.bytes
      // They are the last ones of their lanes, too.
      const { entries } = entry.lane
      while (entries.last?.isInHand === false) entries.pop()
    }
    this.#count = this.#base + this.#entries.length
  }

  *#unhandled(): Iterable<Entry> {
    for (let at = this.#head; at < this.#entries.length; at++) {
      const entry = this.#entries[at]
      if (entry != null) yield entry
    }
  }

  #cut(): void {
    this.#entries.splice(0, this.#head)
    this.#base += this.#head
    this.#out -= this.#head
    this.#head = 0
  }

  #laneOf({ key }: LogRecord): Lane {
    const name = this.#order === 'partition' ? '' : key?.toString('latin1')
    if (name === undefined || this.#order === 'none') return new Lane(this, null)
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      lane = new Lane(this, name)
      this.#lanes.set(name, lane)
    }
    return lane
  }

  #forgetIdle(): void {
    for (const [name, lane] of this.#lanes) if (lane.entries.length === 0) this.#lanes.delete(name)
    this.#mostLanes = Math.max(IDLE_LANES, 2 * this.#lanes.size)
  }
}

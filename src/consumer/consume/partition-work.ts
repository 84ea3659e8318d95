import { recordBytes, type LogRecord } from '../../core/codec.ts'
import type { Mended } from '../broken.ts'
import type { Delivery, PartitionMark } from '../marks.ts'
import type { ReadPage } from '../reader.ts'

/** A record that was fetched and is not handled. */
export class Entry {
  readonly lane: Lane
  readonly record: LogRecord
  readonly bytes: number
  /** Counts the events of its partition. */
  readonly number: number
  /** What is handed out for it, once it was read. */
  decoded: Mended | null = null
  /** `null` until it, or one behind it in its partition, is handed out. */
  delivery: Delivery | null = null
  /** Another has the partition, or the consumer has ended: what becomes of it counts no more. */
  isAbandoned = false
  /** By the clock, when it was first given to the handler. */
  beganAt: number | null = null
  attempts = 0
  firstFailedAt = 0
  lastFailedAt = 0

  constructor(lane: Lane, record: LogRecord, number: number) {
    this.number = number
    this.lane = lane
    this.record = record
    this.bytes = recordBytes(record)
  }

  get topic(): string {
    return this.lane.of.mark.topic
  }

  get partition(): number {
    return this.lane.of.mark.partition
  }

  /** Where it is, for messages and maps. */
  get place(): string {
    return `${this.topic}-${this.partition}@${this.record.offset}`
  }

  get key(): string | null {
    return this.decoded?.decoded.key ?? this.record.key?.toString() ?? null
  }

  /** Counts a failure. */
  failed(now: number): void {
    if (this.attempts === 0) this.firstFailedAt = now
    this.attempts += 1
    this.lastFailedAt = now
  }
}

/**
 * Events that wait for each other, in offset order: those of a key, or of a partition.
 * `idle`: it has none, or waits for more of them; `ready`: its first may start; `busy`: it runs;
 * `waiting`: for its next attempt, or for a dead letter to be written.
 */
export class Lane {
  readonly of: PartitionWork
  /** As the partition knows it; `null` for an event without order. */
  readonly key: string | null
  state: 'idle' | 'ready' | 'busy' | 'waiting' = 'idle'
  entries: Entry[] = []
  /** How many of the next ones are given one by one, to find the one that fails. */
  singles = 0
  /** It waits for a batch to fill. */
  isFilling = false
  /** It waited long enough for a batch to fill. */
  isDue = false

  constructor(of: PartitionWork, key: string | null) {
    this.of = of
    this.key = key
  }
}

export type Order = 'key' | 'partition' | 'none'

/**
 * What was fetched of one partition. An event counts as in hand when it, or a later one, is given to
 * the handler: whoever gets the partition next goes on behind all of these.
 */
export class PartitionWork {
  readonly mark: PartitionMark
  /** Keys whose later events follow a dead one. */
  readonly deadKeys: Set<string> = new Set()
  /** Lanes that wait until the mark is nearer. */
  beyond: Lane[] = []
  readonly #order: Order
  readonly #lanes = new Map<string, Lane>()
  /** Not in hand yet, in offset order; a number is where a page ends. */
  #fetched: (Entry | bigint)[] = []
  readonly #unhandled = new Set<Entry>()
  #count = 0
  #waiting = 0
  #bytes = 0

  constructor(mark: PartitionMark, order: Order) {
    this.mark = mark
    this.#order = order
  }

  /** Events between the mark and the position. */
  get events(): number {
    return this.mark.inHand + this.#waiting
  }

  /** Bytes of the events that are not handled. */
  get bytes(): number {
    return this.#bytes
  }

  /** In the order in which they were fetched. */
  get unhandled(): ReadonlySet<Entry> {
    return this.#unhandled
  }

  /** How many events lie between the first that is not handled and this one. */
  distance(entry: Entry): number {
    const [first] = this.#unhandled
    return first === undefined ? 0 : entry.number - first.number
  }

  /** Gives the lanes that the events of the page are in. */
  add({ page }: ReadPage): ReadonlySet<Lane> {
    const lanes = new Set<Lane>()
    for (const record of page.records) {
      const lane = this.#laneOf(record)
      const entry = new Entry(lane, record, this.#count++)
      lane.entries.push(entry)
      lanes.add(lane)
      this.#fetched.push(entry)
      this.#unhandled.add(entry)
      this.#waiting += 1
      this.#bytes += entry.bytes
    }
    this.#fetched.push(page.nextOffset)
    this.#passEnds(0)
    return lanes
  }

  /** The event, and all before it, are in hand. */
  handOut(last: Entry): void {
    if (last.delivery !== null) return
    let at = 0
    for (; last.delivery === null && at < this.#fetched.length; at++) {
      const next = this.#fetched[at]
      if (next instanceof Entry) {
        next.delivery = this.mark.deliver(next.record.offset)
        this.#waiting -= 1
      } else if (next !== undefined) this.mark.pass(next)
    }
    this.#passEnds(at)
  }

  /** The first event of the lane is handled. */
  handled(lane: Lane): void {
    const entry = lane.entries.shift()
    if (entry?.delivery == null) return
    this.mark.handle(entry.delivery)
    this.#unhandled.delete(entry)
    this.#bytes -= entry.bytes
    if (lane.entries.length === 0 && lane.key !== null) this.#lanes.delete(lane.key)
  }

  /** Forgets what is not in hand. */
  keepInHand(): void {
    this.#fetched = []
    this.beyond = []
    this.#waiting = 0
    const lanes = new Set<Lane>()
    for (const entry of this.#unhandled) {
      lanes.add(entry.lane)
      if (entry.delivery !== null) continue
      entry.isAbandoned = true
      this.#bytes -= entry.bytes
      this.#unhandled.delete(entry)
    }
    for (const lane of lanes) lane.entries = lane.entries.filter(({ isAbandoned }) => !isAbandoned)
  }

  #passEnds(from: number): void {
    let at = from
    for (let next = this.#fetched[at]; typeof next === 'bigint'; next = this.#fetched[++at])
      this.mark.pass(next)
    if (at > 0) this.#fetched.splice(0, at)
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
}

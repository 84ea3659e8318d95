import { BrokerError, reasonOf } from '../core/errors.ts'
import type { AppendResult, Publisher, TopicRecord } from '../core/broker.ts'
import type { Clock } from '../core/clock.ts'
import { recordBytes } from '../core/codec.ts'
import type { Codec } from '../core/codec.ts'
import type { StoredEvent } from '../core/event.ts'
import { toRanges } from '../core/id-ranges.ts'
import type { IdRanges } from '../core/id-ranges.ts'
import type { RefusedEvent } from '../core/refusals.ts'
import { isWholeTopic } from './blocked-keys.ts'
import type { BlockedKeys, Source } from './blocked-keys.ts'
import { LeaseStale } from './lease.ts'
import type { Lease } from './lease.ts'
import type { Parking, WaitingEvent } from './parking.ts'
import type { Refusals } from './refusals.ts'
import type { Settler } from './settler.ts'

const LEASE_CHECK_MS = 50
/** How often an operator has had the event delivered again. */
const REDELIVERED_HEADER = 'oncommit-redelivered'

export interface Published {
  readonly written: readonly StoredEvent[]
  /** To wait for until all of it is settled. */
  readonly settlements: readonly Promise<void>[]
}

/** Events by what is to be done with each. */
interface Prepared {
  readonly sendable: StoredEvent[]
  /** Of the sendable ones. */
  readonly records: TopicRecord[]
  readonly waiting: WaitingEvent[]
  readonly refused: RefusedEvent[]
}

export interface PublishingParts {
  readonly relayId: string
  readonly publisher: Publisher
  readonly settler: Settler
  readonly parking: Parking
  readonly blocked: BlockedKeys
  readonly refusals: Refusals
  readonly lease: Lease
  readonly codecFor: (topic: string) => Codec
  readonly maxRecordBytes: number
  readonly clock: Clock
  /** Aborted when this relay's life ends. */
  readonly ended: AbortSignal
  /** Lives before this one ended by something unknown, for long: find the topic that it comes from. */
  readonly topicByTopic: boolean
}

/**
 * Publishes fetched events in order: parks what has to wait, encodes the rest, appends it, and
 * hands it over to be settled.
 *
 * What the broker refuses is found by ordered halving: of records that it refused together the
 * first half goes before the second, and so on, until one event stands alone. That one blocks its
 * key: the later events of the key are parked behind it, and everything else goes on. An event that
 * no codec encodes is refused in the same way.
 */
export class Publishing {
  readonly #parts: PublishingParts

  constructor(parts: PublishingParts) {
    this.#parts = parts
  }

  /**
   * Resolves when all is appended or parked. Rejects where this relay's life has to end.
   */
  async publish(events: readonly StoredEvent[], source: Source): Promise<Published> {
    const settlements: Promise<void>[] = []
    const written: StoredEvent[] = []
    const work = this.#parts.topicByTopic ? byTopic(events) : [events]
    for (let next = work.shift(); next !== undefined; next = work.shift()) {
      const { sendable, records, waiting, refused } = this.#prepare(next, source)
      await this.#parts.parking.refuse(refused)
      await this.#parts.parking.park(waiting)
      if (sendable.length === 0) continue
      const number = this.#parts.settler.nextNumber
      const result = await this.#append(number, sendable, records)
      const taken = writtenOf(sendable, result)
      if (taken.length > 0) {
        written.push(...taken)
        settlements.push(this.#accept(number, taken, result))
      }
      if (result.state === 'refused') {
        const judged = this.#judge(sendable, source, result)
        await this.#parts.parking.refuse(judged.refused)
        work.unshift(...judged.next)
      }
    }
    return { written, settlements }
  }

  #prepare(events: readonly StoredEvent[], source: Source): Prepared {
    const sendable: StoredEvent[] = []
    const records: TopicRecord[] = []
    const waiting: WaitingEvent[] = []
    const refused: RefusedEvent[] = []
    for (const event of events) {
      const scope = this.#parts.blocked.scopeOf(event, source)
      if (scope !== null) {
        // A held event whose topic became unavailable again is held under it already.
        if (source === 'delivery' || !isWholeTopic(scope)) {
          waiting.push({ event, scope, error: this.#parts.blocked.topics.errorOf(event.topic) })
        }
        continue
      }
      const record = this.#encode(event)
      if (record instanceof BrokerError) refused.push(this.#parts.refusals.judge(event, record))
      else {
        sendable.push(event)
        records.push(record)
      }
    }
    return { sendable, records, waiting, refused }
  }

  #encode(event: StoredEvent): TopicRecord | BrokerError {
    try {
      const { key, value, headers } = this.#parts.codecFor(event.topic).encode(again(event))
      const bytes = recordBytes({ key, value, headers })
      if (bytes <= this.#parts.maxRecordBytes) return { topic: event.topic, key, value, headers }
      const limit = this.#parts.maxRecordBytes
      return new BrokerError(
        'event-refused',
        `its record has ${bytes} bytes, the limit is ${limit}`,
      )
    } catch (cause) {
      return new BrokerError('event-refused', 'the codec can not encode it', { cause })
    }
  }

  async #append(
    number: number,
    events: readonly StoredEvent[],
    records: readonly TopicRecord[],
  ): Promise<AppendResult> {
    const { settler, publisher, lease, clock, ended } = this.#parts
    await settler.ready()
    const batch = { number, ids: idsOf(events), records }
    for (;;) {
      ended.throwIfAborted()
      try {
        return await publisher.append(batch, lease.assertFresh)
      } catch (error) {
        if (!(error instanceof LeaseStale)) {
          await this.#parkUnknown(events, error)
          throw error
        }
        await clock.sleep(LEASE_CHECK_MS, ended)
      }
    }
  }

  /** What was written goes on to be settled. */
  #accept(number: number, written: readonly StoredEvent[], result: AppendResult): Promise<void> {
    const batch = { relayId: this.#parts.relayId, number, ids: idsOf(written), acks: result.acks }
    const commit = result.state === 'appended' ? () => result.commit() : () => Promise.resolve()
    return this.#parts.settler.accept(batch, commit)
  }

  /** Blocks what is at fault, and gives the rest in the lists to try next. */
  #judge(
    events: readonly StoredEvent[],
    source: Source,
    result: AppendResult & { state: 'refused' },
  ): { refused: readonly RefusedEvent[]; next: readonly (readonly StoredEvent[])[] } {
    const refused: RefusedEvent[] = []
    const done = new Set(result.written)
    let together = false
    let split = Number.POSITIVE_INFINITY
    for (const { indexes, error } of result.refusals) {
      const [at] = indexes
      const event = at === undefined ? undefined : events[at]
      if (at === undefined || event === undefined) throw nameless(error)
      if (error.kind === 'topic-unavailable') {
        this.#parts.blocked.topics.park(event.topic, reasonOf(error))
      } else if (this.#parts.blocked.scopeOf(event, source) !== null) {
        // An earlier one of its key was refused too, or so many that the topic waits: it waits behind.
        continue
      } else if (indexes.length === 1 && hasEarlierOfKey(events, at, done)) {
        // They go first: what is refused heads its key, and they are in front of it.
        split = Math.min(split, at)
      } else if (indexes.length === 1) {
        refused.push(this.#parts.refusals.judge(event, error))
        done.add(at)
      } else together = true
    }
    if (result.refusals.length === 0) throw nameless()
    const left = events.filter((_, at) => !done.has(at))
    if (split < Number.POSITIVE_INFINITY) {
      const before = events.filter((_, at) => at < split && !done.has(at))
      return { refused, next: [before, left.slice(before.length)] }
    }
    const half = Math.ceil(left.length / 2)
    return { refused, next: together ? [left.slice(0, half), left.slice(half)] : [left] }
  }

  /**
   * A failure that nobody understands ends this life, as an outage does. When lives have ended
   * by one for long, and the batch was of one topic, that topic is parked, so that the others flow.
   */
  async #parkUnknown(events: readonly StoredEvent[], error: unknown): Promise<void> {
    const { topicByTopic, parking, blocked } = this.#parts
    if (!topicByTopic || !(error instanceof BrokerError) || error.kind !== 'unknown') return
    await parking.park(
      events.map((event) => {
        blocked.topics.park(event.topic, reasonOf(error))
        const scope = { topic: event.topic, key: null, eventId: null, lane: event.lane }
        return { event, scope, error: reasonOf(error) }
      }),
    )
  }
}

/** What an operator has had delivered again says so: readers may have seen what came after it. */
function again(event: StoredEvent): StoredEvent {
  const { redelivered, headers } = event
  if (redelivered === undefined) return event
  return { ...event, headers: [...headers, [REDELIVERED_HEADER, String(redelivered)]] }
}

function writtenOf(events: readonly StoredEvent[], result: AppendResult): readonly StoredEvent[] {
  if (result.state === 'appended') return events
  const written = new Set(result.written)
  return events.filter((_, at) => written.has(at))
}

/** Whether one of its key, which is not done, is in front of an event. */
function hasEarlierOfKey(
  events: readonly StoredEvent[],
  at: number,
  done: ReadonlySet<number>,
): boolean {
  const event = events[at]
  if (event === undefined || event.key === null) return false
  const { topic, key } = event
  return events.some(
    (other, index) => index < at && !done.has(index) && other.key === key && other.topic === topic,
  )
}

function nameless(cause?: unknown): BrokerError {
  return new BrokerError('unknown', 'the broker refused a batch and named nothing in it', { cause })
}

function idsOf(events: readonly StoredEvent[]): IdRanges {
  return toRanges(events.map((event) => event.id))
}

function byTopic(events: readonly StoredEvent[]): (readonly StoredEvent[])[] {
  return [...Map.groupBy(events, (event) => event.topic).values()]
}

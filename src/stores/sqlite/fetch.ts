import { eventSize, type StoredEvent } from '../../core/event.ts'
import type { FetchedBatch, FetchRequest, HeldRequest } from '../../core/outbox-store.ts'
import type { Queryable, Row } from './database.ts'
import { decodeHeaders } from '../../core/stored-headers.ts'
import { gapsOf } from './id-lists.ts'

/** The columns of an event `e` that `Batch` reads, after its id and lane. */
const COLUMNS = `e.uuid, e.topic, e.key, e.msg_type, e.mime_type, e.headers, e.payload, e.occurred_at`

/**
 * Pending events from an id on, in id order, and the last id that was looked at, whether its event
 * is still there or not. `name` is what the names of the tables begin with, here and below.
 */
export function fetch(
  database: Queryable,
  name: string,
  from: bigint,
  request: FetchRequest,
): FetchedBatch & { readonly last: bigint | null } {
  const batch = new Batch(request)
  for (const [first, last] of gapsOf(request.inHand, from)) {
    if (batch.isFull) break
    const rows = database.each(
      `select d.id, d.lane, ${COLUMNS} from ${name}_delivery d left join ${name}_events e on e.id = d.id
       where d.id between ? and ? order by d.id limit ?`,
      first,
      last,
      batch.room,
    )
    for (const row of rows) {
      batch.add(row)
      if (batch.isFull) break
    }
  }
  return { events: batch.events, full: batch.isFull, last: batch.last }
}

/** The held events of some blocked entries, in id order. */
export function fetchHeld(database: Queryable, name: string, request: HeldRequest): FetchedBatch {
  const batch = new Batch(request)
  for (const id of heldIds(database, name, request)) {
    const row = database.first(
      `select h.id, h.lane, ${COLUMNS}, h.redelivered from ${name}_held h left join ${name}_events e on e.id = h.id where h.id = ?`,
      id,
    )
    if (row !== undefined) batch.add(row)
    if (batch.isFull) break
  }
  return { events: batch.events, full: batch.isFull }
}

/** The lowest ids, some of each entry: a scan of all that is held would grow with it. */
function heldIds(database: Queryable, name: string, request: HeldRequest): readonly bigint[] {
  const { blockedIds, inHand, maxEvents, maxOfEach = maxEvents } = request
  const gaps = gapsOf(inHand, 0n)
  const ids: bigint[] = []
  for (const blockedId of blockedIds) {
    let room = Math.min(maxOfEach, maxEvents)
    for (const [first, last] of gaps) {
      const rows = database.all(
        `select id from ${name}_held where blocked_id = ? and id between ? and ? order by id limit ?`,
        blockedId,
        first,
        last,
        room,
      )
      for (const [id] of rows) ids.push(id as bigint)
      room -= rows.length
      if (room === 0) break
    }
  }
  return ids.toSorted((a, b) => (a < b ? -1 : 1)).slice(0, maxEvents)
}

/** What a fetch has read, up to its limits. */
class Batch {
  readonly events: StoredEvent[] = []
  readonly #maxEvents: number
  readonly #maxBytes: number
  #last: bigint | null = null
  #rows = 0
  #bytes = 0

  constructor({ maxEvents, maxBytes }: { maxEvents: number; maxBytes: number }) {
    this.#maxEvents = maxEvents
    this.#maxBytes = maxBytes
  }

  get isFull(): boolean {
    return this.#rows >= this.#maxEvents || this.#bytes >= this.#maxBytes
  }

  /** How many rows it may still read. */
  get room(): number {
    return this.#maxEvents - this.#rows
  }

  get last(): bigint | null {
    return this.#last
  }

  add(row: Row): void {
    this.#rows++
    this.#last = row[0] as bigint
    const event = eventOf(row)
    if (event === null) return
    this.#bytes += event.size
    this.events.push(event)
  }
}

/** `null` where someone has deleted the event. */
function eventOf(row: Row): StoredEvent | null {
  const [id, lane, uuid, topic, key, msgType, mimeType, headerJson, payload, time, again] = row
  if (typeof uuid !== 'string') return null
  const event = {
    id: id as bigint,
    lane: Number(lane),
    uuid,
    topic: topic as string,
    key: key as string | null,
    msgType: msgType as string,
    mimeType: mimeType as string,
    headers: decodeHeaders(headerJson as string | null),
    payload: bytesOf(payload as Uint8Array | null),
    timestamp: new Date(Number(time)),
    ...(Number(again ?? 0) > 0 && { redelivered: Number(again) }),
  }
  return { ...event, size: eventSize(event) }
}

function bytesOf(payload: Uint8Array | null): Buffer | null {
  return payload === null
    ? null
    : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
}

import type { StoredEvent } from '../../core/event.ts'
import type { Row } from './database.ts'
import { decodeHeaders } from '../../core/stored-headers.ts'

/** What the rows of a fetch are. */
export interface Fetched {
  readonly events: StoredEvent[]
  /** Of the last row, whether its event is still there or not. */
  readonly last: bigint | undefined
  /** A limit was reached: there may be more. */
  readonly full: boolean
}

interface Limits {
  readonly maxEvents: number
  readonly maxBytes: number
}

/** Of `COPY … (FORMAT binary)`: a signature of 11 bytes, flags, and the length of an extension. */
const COPY_HEADER_BYTES = 19
const COPY_SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')

/** Of an event that was not held. */
const FETCHED_COLUMNS = 11

/** Reads the rows of a fetch, as texts or as `COPY … (FORMAT binary)` sends them. */
export class FetchedRows {
  readonly #limits: Limits
  readonly #events: StoredEvent[] = []
  #last: bigint | undefined
  #rows = 0
  #bytes = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  addText(row: Row): void {
    const [id, lane, size, uuid, topic, key, msgType, mimeType, headers, payload, time, again] = row
    this.#count(BigInt(id ?? 0), Number(size))
    if (typeof uuid !== 'string' || this.#last === undefined) return
    this.#events.push({
      id: this.#last,
      lane: Number(lane),
      size: Number(size),
      uuid,
      topic: topic ?? '',
      key: key ?? null,
      msgType: msgType ?? '',
      mimeType: mimeType ?? '',
      headers: decodeHeaders(headers ?? null),
      // `\x`, then hex.
      payload: typeof payload === 'string' ? Buffer.from(payload.slice(2), 'hex') : null,
      timestamp: new Date(Number(time)),
      ...redelivery(Number(again ?? 0)),
    })
  }

  /** `bytes` are read before it returns. */
  addCopied(bytes: Buffer): void {
    const isFirst = bytes.subarray(0, COPY_SIGNATURE.length).equals(COPY_SIGNATURE)
    const fields = new CopiedFields(bytes, isFirst ? COPY_HEADER_BYTES : 0)
    if (!fields.hasRow) return
    const id = fields.bigint()
    const lane = fields.smallint()
    const size = fields.int()
    this.#count(id, size)
    const uuid = fields.uuid()
    if (uuid === null) return
    this.#events.push({
      id,
      lane,
      size,
      uuid,
      topic: fields.text() ?? '',
      key: fields.text(),
      msgType: fields.text() ?? '',
      mimeType: fields.text() ?? '',
      headers: decodeHeaders(fields.text()),
      payload: fields.bytes(),
      timestamp: new Date(fields.double()),
      ...(fields.count > FETCHED_COLUMNS && redelivery(fields.int())),
    })
  }

  fetched(): Fetched {
    const { maxEvents, maxBytes } = this.#limits
    const full = this.#rows >= maxEvents || this.#bytes >= maxBytes
    return { events: this.#events, last: this.#last, full }
  }

  #count(id: bigint, size: number): void {
    this.#rows++
    this.#bytes += size
    this.#last = id
  }
}

function redelivery(redelivered: number): { redelivered?: number } {
  return redelivered > 0 ? { redelivered } : {}
}

/** The fields of one row in their order: each has its length before it, -1 for null. */
class CopiedFields {
  readonly hasRow: boolean
  readonly count: number
  readonly #row: Buffer
  #at: number

  constructor(row: Buffer, at: number) {
    this.#row = row
    this.#at = at + 2
    // The end of all rows is a count of -1.
    this.count = row.length >= this.#at ? row.readInt16BE(at) : -1
    this.hasRow = this.count >= 0
  }

  bigint(): bigint {
    this.#next()
    return this.#row.readBigInt64BE(this.#at - 8)
  }

  int(): number {
    this.#next()
    return this.#row.readInt32BE(this.#at - 4)
  }

  smallint(): number {
    this.#next()
    return this.#row.readInt16BE(this.#at - 2)
  }

  double(): number {
    this.#next()
    return this.#row.readDoubleBE(this.#at - 8)
  }

  uuid(): string | null {
    if (this.#next() < 0) return null
    const hex = this.#row.toString('hex', this.#at - 16, this.#at)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  text(): string | null {
    const length = this.#next()
    return length < 0 ? null : this.#row.toString('utf8', this.#at - length, this.#at)
  }

  /** A copy: what was received is written over. */
  bytes(): Buffer | null {
    const length = this.#next()
    return length < 0 ? null : Buffer.from(this.#row.subarray(this.#at - length, this.#at))
  }

  /** Passes a field by; its length. */
  #next(): number {
    const length = this.#row.readInt32BE(this.#at)
    this.#at += 4 + Math.max(0, length)
    return length
  }
}

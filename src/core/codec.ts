import type { OutboxEvent } from './event.ts'

/** A record as a log keeps it. */
export interface WireRecord {
  readonly key: Buffer | null
  /** `null` is a tombstone. */
  readonly value: Buffer | null
  /** In order; a name may occur more than once. */
  readonly headers: readonly (readonly [name: string, value: Buffer])[]
}

/** Bytes of a record's key, value, and headers with their names. */
export function recordBytes({ key, value, headers }: WireRecord): number {
  let bytes = (key?.byteLength ?? 0) + (value?.byteLength ?? 0)
  for (const [name, header] of headers) bytes += Buffer.byteLength(name) + header.byteLength
  return bytes
}

/** A record with its place. */
export interface LogRecord extends WireRecord {
  readonly offset: bigint
  /** Milliseconds since the epoch: when it was published. */
  readonly timestamp: number
}

/** An event ↔ a record. */
export interface Codec {
  readonly name: string
  /** Throws where the event can't be put into this form: that event is refused. */
  encode(event: OutboxEvent): WireRecord
  /** Throws where the record isn't of this form: that record is broken. */
  decode(record: WireRecord, topic: string): DecodedEvent
}

/**
 * What a codec reads out of a record. Attributes that the record lacks are `undefined`. It may be an
 * instance with getters, as that of `cloudEvents` is, which a spread would not copy: a codec that
 * wraps another one copies by name. What can't be read throws in `decode`, never in a getter.
 */
export interface DecodedEvent {
  readonly uuid: string | undefined
  readonly timestamp: Date | undefined
  readonly key: string | null
  readonly msgType: string
  readonly mimeType: string
  readonly headers: readonly (readonly [name: string, value: Buffer])[]
  readonly payload: Buffer | null
  /** What the payload means, where the codec knows: it is handed out as `event.data`. */
  readonly data?: unknown
}

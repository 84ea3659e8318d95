/**
 * A header's value as the sender gave it: text, or bytes for what is not UTF-8.
 */
export type HeaderValue = string | Uint8Array

/** Headers in the sender's order. A name may occur more than once. */
export type Headers = readonly (readonly [name: string, value: HeaderValue])[]

/** What a caller hands to `send`. */
export interface EventInput {
  /** Where it goes. Kafka takes up to 249 characters of `[a-zA-Z0-9._-]`. */
  readonly topic: string
  /**
   * Events of one topic and key are published in the order in which they were sent.
   * `null` (the default) means no key and no order; the empty string is a key like any other.
   */
  readonly key?: string | null
  /**
   * Bytes as they are, a string as `text/plain`, any other value as JSON. What JSON would make
   * nothing of is an `EventError`: `undefined`, a promise, a `Map`, a `Set`, a function.
   * `null` is a tombstone, which is not the same as an empty payload. @defaultValue null
   */
  readonly payload?: unknown
  /** What happened, for example `OrderPlaced`. @defaultValue the topic */
  readonly msgType?: string
  /** Of the payload. @defaultValue by the payload: see there */
  readonly mimeType?: string
  /** A plain object, or pairs where order, duplicates or bytes matter. */
  readonly headers?: Headers | Readonly<Record<string, HeaderValue>>
  /** @defaultValue a new UUIDv7 */
  readonly uuid?: string
  /** When it happened. @defaultValue now */
  readonly timestamp?: Date
}

/** An event that was checked and encoded: what a store appends. */
export interface OutboxEvent {
  readonly uuid: string
  /** When it happened, to the millisecond. */
  readonly timestamp: Date
  readonly topic: string
  readonly key: string | null
  readonly msgType: string
  readonly mimeType: string
  readonly headers: Headers
  /** `null` is a tombstone. */
  readonly payload: Uint8Array | null
}

/** An event as a relay fetched it from the store. */
export interface StoredEvent extends OutboxEvent {
  /** The store's own number. Never leaves the database: after a failover it may be given again. */
  readonly id: bigint
  /** Which lane of the outbox it travels on: all events of a key share one. */
  readonly lane: number
  /** Bytes of payload, key and headers together. */
  readonly size: number
  readonly payload: Buffer | null
  /** How often an operator has had it delivered again, where one has. */
  readonly redelivered?: number
}

/** Bytes of payload, key, headers and names: the number that byte limits speak of. */
export function eventSize(event: Pick<OutboxEvent, 'key' | 'headers' | 'payload'>): number {
  let size = event.payload?.byteLength ?? 0
  if (event.key !== null) size += Buffer.byteLength(event.key)
  for (const [name, value] of event.headers) {
    size += Buffer.byteLength(name)
    size += typeof value === 'string' ? Buffer.byteLength(value) : value.byteLength
  }
  return size
}

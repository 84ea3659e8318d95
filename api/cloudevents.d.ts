// dist/codecs/cloudevents/index.d.ts
export { cloudEvents, type CloudEventsOptions } from './cloud-events.ts';

// dist/codecs/cloudevents/cloud-events.d.ts
import type { Codec } from '../../core/codec.ts';
export interface CloudEventsOptions {
    /** The attribute `source`: which program the events come from, a URI reference. @defaultValue 'oncommit' */
    readonly source?: string;
}
/**
 * CloudEvents 1.0 in Kafka's binary mode: the value is the payload as it is, the attributes are
 * headers (`ce_id`, `ce_source`, `ce_type`, `ce_time`, `content-type`), and the sender's own
 * headers follow them untouched, in order, duplicates too.
 *
 * Reading takes the first of each attribute and leaves every other header as it is, so a sender's
 * header comes back even where it is named like an attribute. Records that are no CloudEvents are
 * read all the same: without `uuid` and `timestamp`, with an empty `msgType`. A `ce_id` that is no
 * UUID is another program's: it stays in the headers with its `ce_source`. Reading throws on a key
 * or an attribute that is not UTF-8 and on a `ce_time` that is no time.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 *
 * @example
 * new EventBus({ store, broker, codec: cloudEvents({ source: '/shop' }) })
 */
export declare function cloudEvents(options?: CloudEventsOptions): Codec;

// dist/core/codec.d.ts
import type { OutboxEvent } from './event.ts';
/** A record as a log keeps it. */
export interface WireRecord {
    readonly key: Buffer | null;
    /** `null` is a tombstone. */
    readonly value: Buffer | null;
    /** In order; a name may occur more than once. */
    readonly headers: readonly (readonly [name: string, value: Buffer])[];
}
/** Bytes of a record's key, value, and headers with their names. */
export declare function recordBytes({ key, value, headers }: WireRecord): number;
/** A record with its place. */
export interface LogRecord extends WireRecord {
    readonly offset: bigint;
    /** Milliseconds since the epoch: when it was published. */
    readonly timestamp: number;
}
/** An event ↔ a record. */
export interface Codec {
    readonly name: string;
    /** Throws where the event can't be put into this form: that event is refused. */
    encode(event: OutboxEvent): WireRecord;
    /** Throws where the record isn't of this form: that record is broken. */
    decode(record: WireRecord, topic: string): DecodedEvent;
}
/**
 * What a codec reads out of a record. Attributes that the record lacks are `undefined`. It may be an
 * instance with getters, as that of `cloudEvents` is, which a spread would not copy: a codec that
 * wraps another one copies by name. What can't be read throws in `decode`, never in a getter.
 */
export interface DecodedEvent {
    readonly uuid: string | undefined;
    readonly timestamp: Date | undefined;
    readonly key: string | null;
    readonly msgType: string;
    readonly mimeType: string;
    readonly headers: readonly (readonly [name: string, value: Buffer])[];
    readonly payload: Buffer | null;
    /** What the payload means, where the codec knows: it is handed out as `event.data`. */
    readonly data?: unknown;
}

// dist/core/event.d.ts
/**
 * A header's value as the sender gave it: text, or bytes for what is not UTF-8.
 */
export type HeaderValue = string | Uint8Array;
/** Headers in the sender's order. A name may occur more than once. */
export type Headers = readonly (readonly [name: string, value: HeaderValue])[];
/** What a caller hands to `send`. */
export interface EventInput {
    /** Where it goes. Kafka takes up to 249 characters of `[a-zA-Z0-9._-]`. */
    readonly topic: string;
    /**
     * Events of one topic and key are published in the order in which they were sent.
     * `null` (the default) means no key and no order; the empty string is a key like any other.
     */
    readonly key?: string | null;
    /**
     * Bytes as they are, a string as `text/plain`, any other value as JSON. What JSON would make
     * nothing of is an `EventError`: `undefined`, a promise, a `Map`, a `Set`, a function.
     * `null` is a tombstone, which is not the same as an empty payload. @defaultValue null
     */
    readonly payload?: unknown;
    /** What happened, for example `OrderPlaced`. @defaultValue the topic */
    readonly msgType?: string;
    /** Of the payload. @defaultValue by the payload: see there */
    readonly mimeType?: string;
    /** A plain object, or pairs where order, duplicates or bytes matter. */
    readonly headers?: Headers | Readonly<Record<string, HeaderValue>>;
    /** @defaultValue a new UUIDv7 */
    readonly uuid?: string;
    /** When it happened. @defaultValue now */
    readonly timestamp?: Date;
}
/** An event that was checked and encoded: what a store appends. */
export interface OutboxEvent {
    readonly uuid: string;
    /** When it happened, to the millisecond. */
    readonly timestamp: Date;
    readonly topic: string;
    readonly key: string | null;
    readonly msgType: string;
    readonly mimeType: string;
    readonly headers: Headers;
    /** `null` is a tombstone. */
    readonly payload: Uint8Array | null;
}
/** An event as a relay fetched it from the store. */
export interface StoredEvent extends OutboxEvent {
    /** The store's own number. Never leaves the database: after a failover it may be given again. */
    readonly id: bigint;
    /** Which lane of the outbox it travels on: all events of a key share one. */
    readonly lane: number;
    /** Bytes of payload, key and headers together. */
    readonly size: number;
    readonly payload: Buffer | null;
    /** How often an operator has had it delivered again, where one has. */
    readonly redelivered?: number;
}
/** Bytes of payload, key, headers and names: the number that byte limits speak of. */
export declare function eventSize(event: Pick<OutboxEvent, 'key' | 'headers' | 'payload'>): number;

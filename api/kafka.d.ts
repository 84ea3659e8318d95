// dist/brokers/kafka/index.d.ts
export { kafka } from './kafka-broker.ts';
export type { KafkaOptions, KafkaSasl } from './kafka-options.ts';

// dist/brokers/kafka/kafka-broker.d.ts
import type { Broker } from '../../core/broker.ts';
import { type KafkaOptions } from './kafka-options.ts';
/**
 * Apache Kafka, from 3.1 on. It needs the package `@platformatic/kafka`, which is loaded at first
 * use. Throws an `OptionError`.
 *
 * With `guarantee: 'exactly-once'` (the default) the principal needs WRITE and DESCRIBE on
 * TransactionalId `oncommit.` (prefixed), and CREATE, READ, WRITE and DESCRIBE on the marker topic.
 *
 * @example
 * const bus = new EventBus({ store: postgres({ pool }), broker: kafka({ brokers: ['localhost:9092'] }) })
 */
export declare function kafka(options: KafkaOptions): Broker;

// dist/core/broker.d.ts
import type { IdRanges } from './id-ranges.ts';
import type { BrokerError } from './errors.ts';
import type { LogClient, LogClientOptions } from './log.ts';
import type { Ack } from './outbox-store.ts';
import type { WireRecord } from './codec.ts';
/**
 * Where events go, and where consumers read them. One implementation per broker; the suite of
 * `oncommit/testing` asserts by `capabilities`, never by name.
 */
export interface Broker {
    readonly name: string;
    readonly capabilities: BrokerCapabilities;
    /** Most bytes of one record. `send` refuses an event above it. */
    readonly maxRecordBytes: number;
    /** Why the broker can't take a topic of this name, or `null`. Looks at the name only. */
    topicProblem(topic: string): string | null;
    /**
     * Opens a relay's publisher and takes its place at the broker: from here on `fence` can shut it
     * out. Called before the relay is enrolled, once in its life.
     * Throws a `BrokerError` of kind `away` or `misconfigured`.
     */
    openPublisher(options: PublisherOptions): Promise<Publisher>;
    /**
     * Shuts a publisher out for good. After it has resolved nothing of that publisher's becomes
     * visible any more, and what had become visible is known: the last two batches, ascending, or as
     * many as there were. A refused batch is none. Empty where the broker has no fence (`capabilities.fence`).
     * May be called again. Throws a `BrokerError`.
     */
    fence(fence: string, signal: AbortSignal): Promise<readonly PublishedBatch[]>;
    /** Tidies up after a fenced or stopped publisher whose batches are all settled. Best effort. */
    forget(fence: string): Promise<void>;
    /** Resolves where the topic can be written to. Throws a `BrokerError` that says why not. */
    probe(topic: string, signal: AbortSignal): Promise<void>;
    /** Opens a producer for records that come one by one. It connects at the first record. */
    openProducer(options: ProducerOptions): Promise<Producer>;
    /** Opens a client for one reader. */
    openLog(options: LogClientOptions): Promise<LogClient>;
    /** Closes what is shared. Publishers, producers and log clients are closed by who opened them. */
    close(): Promise<void>;
}
export interface BrokerCapabilities {
    /**
     * `exactly-once`: a committed-only reader sees each event once, through killed and frozen relays.
     * `at-least-once`: after a fault the two newest batches may come again.
     */
    readonly guarantee: 'exactly-once' | 'at-least-once';
    /** `fence` shuts a frozen relay out. */
    readonly fence: boolean;
    /** A member of a group is asked, and waited for, before a partition is taken from it. */
    readonly awaitsRevocation: boolean;
}
export interface PublisherOptions {
    readonly outbox: string;
    readonly relayId: string;
    /** Aborted when the relay gives up: whatever is under way ends soon. */
    readonly signal: AbortSignal;
    /** Told when an append waits for the broker (`away`), and when the broker is back (`null`). */
    readonly onAway: (error: BrokerError | null) => void;
}
/** A batch on its way out: records in the order in which readers must find them. */
export interface PublishBatch {
    /** From 1, without a gap; a batch of which nothing was written gives its number to the next. */
    readonly number: number;
    readonly ids: IdRanges;
    readonly records: readonly TopicRecord[];
}
export interface TopicRecord extends WireRecord {
    readonly topic: string;
}
/** What a fenced publisher's last batches were. */
export interface PublishedBatch {
    readonly relayId: string;
    readonly number: number;
    readonly ids: IdRanges;
}
/**
 * One relay's way to the broker. One `append` at a time; a batch's `commit` may run beside the
 * next batch's `append`. Any rejection, of either, ends the publisher: what became of the batch
 * is only known by fencing it.
 */
export interface Publisher {
    /** What `Broker.fence` takes. Kept in the relay's row. */
    readonly fence: string;
    /**
     * Writes a batch in order. It rejects where the outcome is unknown or the publisher is shut out.
     * `beforeSend` is asked right before anything is sent: if it throws, nothing is written and
     * the append rejects with what it threw, the publisher staying usable. A publisher that nothing
     * fences asks again before each further request of the batch: what is thrown there ends it.
     */
    append(batch: PublishBatch, beforeSend: () => void): Promise<AppendResult>;
    /** Ends it without waiting for what is under way. */
    close(): Promise<void>;
}
export type AppendResult = {
    readonly state: 'appended';
    /** Complete when `commit` has resolved: an offset may be given out no earlier. */
    readonly acks: readonly Ack[];
    /** Makes it visible, after the commit of the batch before it. Resolves at once where `append` does that already. */
    commit(): Promise<void>;
    /** Takes it back where it isn't visible yet. */
    abort(): Promise<void>;
} | {
    readonly state: 'refused';
    /** Indexes of what was written and acknowledged all the same: facts, to be settled. Ascending. */
    readonly written: readonly number[];
    readonly acks: readonly Ack[];
    /** What was not taken. Indexes in neither list were not written and may be published again. */
    readonly refusals: readonly Refusal[];
};
export interface ProducerOptions {
    /** A name for the broker's own logs and metrics. */
    readonly clientId: string;
    /** Closes the producer when it aborts. */
    readonly signal: AbortSignal;
    /** Told when records wait for the broker (`away`), and when the broker is back (`null`). */
    readonly onAway: (error: BrokerError | null) => void;
}
/** Writes single records, outside of any outbox: at least once. */
export interface Producer {
    /**
     * Resolves when all in-sync replicas have the record. May be called side by side: the records of
     * one producer keep the order of the calls. While the broker is away it waits. Rejects with a
     * `BrokerError`: `topic-unavailable`, `event-refused`, `misconfigured`, `unknown` where nobody
     * knows what became of it, or `away` once the producer is closed.
     */
    send(record: TopicRecord): Promise<void>;
    /** Ends it without waiting: what is under way rejects. */
    close(): Promise<void>;
}
export interface Refusal {
    /** Of the records that were refused together: with one it is that one's fault. Ascending. */
    readonly indexes: readonly number[];
    /** Of kind `topic-unavailable` or `event-refused`. */
    readonly error: BrokerError;
}

// dist/core/id-ranges.d.ts
/** A run of ids without a gap, both ends included. */
export type IdRange = readonly [first: bigint, last: bigint];
/** Ids as ascending runs: 1,000 neighbours are one pair. Every integer in a run is an id that is meant. */
export type IdRanges = readonly IdRange[];
/** The runs of `ids`, which are ascending and without repeats. */
export declare function toRanges(ids: readonly bigint[]): IdRanges;
/** The union of sets that share no id, as ascending runs. */
export declare function mergeRanges(sets: Iterable<IdRanges>): IdRanges;
export declare function countIds(ranges: IdRanges): number;
/** `[1-3,7]`: for logs and for markers. */
export declare function formatRanges(ranges: IdRanges): string;
/** Reads what `formatRanges` wrote. Throws a `SyntaxError` on anything else. */
export declare function parseRanges(text: string): IdRanges;

// dist/core/errors.d.ts
/**
 * Every code that oncommit throws, with what it means. Callers branch on `error.code`,
 * never on a message.
 */
export declare const ERROR_CODES: {
    readonly ONCOMMIT_OPTION: 'An option has a value that it does not take.';
    readonly ONCOMMIT_EVENT: 'An event can not be sent as it is.';
    readonly ONCOMMIT_TRANSACTION: 'A transaction was expected, and something else was given.';
    readonly ONCOMMIT_STORE: 'The database failed.';
    readonly ONCOMMIT_SCHEMA: 'The tables are missing, or of a version that this release does not work with.';
    readonly ONCOMMIT_UNSAFE_STORE: 'The database is set up in a way that would break a promise.';
    readonly ONCOMMIT_BROKER: 'The broker failed.';
    readonly ONCOMMIT_PEER_MISSING: 'An optional package that this part needs is not installed.';
    readonly ONCOMMIT_STREAM_IN_USE: 'A stream is iterated twice, or asked for the next event while one is pending.';
    readonly ONCOMMIT_OFFSET_LOST: 'The position to read from does not exist in the topic any more.';
    readonly ONCOMMIT_BROKEN_RECORD: 'No codec can read a record.';
    readonly ONCOMMIT_REJECTED: 'A handler refuses an event for good.';
    readonly ONCOMMIT_RETRY_AFTER: 'A handler asks for an event again after a while.';
    readonly ONCOMMIT_BATCH: 'A handler of batches failed at one of the events.';
    readonly ONCOMMIT_BACKPRESSURE: 'More events wait for a reader than it said it can take.';
    readonly ONCOMMIT_STOPPED: 'The part was stopped and can not be used again.';
};
export type ErrorCode = keyof typeof ERROR_CODES;
/** The base of all errors of oncommit. `cause` is the driver's own error where there is one. */
export declare class OncommitError extends Error {
    readonly code: ErrorCode;
    constructor(code: ErrorCode, message: string, options?: ErrorOptions);
}
/** An option has a value that it does not take. */
export declare class OptionError extends OncommitError {
    readonly option: string;
    constructor(option: string, got: unknown, takes: string);
}
/** An event can not be sent as it is: nothing was written. */
export declare class EventError extends OncommitError {
    constructor(message: string, options?: ErrorOptions);
}
/** Something that is not an open transaction was given where one belongs: nothing was written. */
export declare class TransactionError extends OncommitError {
    constructor(message: string, options?: ErrorOptions);
}
/** The database failed. The driver's own error is `cause`. */
export declare class StoreError extends OncommitError {
    constructor(message: string, options?: ErrorOptions);
}
/** The tables are missing, or older or newer than this release works with. */
export declare class SchemaVersionError extends OncommitError {
    /** The version found, `null` where there are no tables. */
    readonly found: number | null;
    readonly expected: number;
    constructor(message: string, versions: {
        found: number | null;
        expected: number;
    }, options?: ErrorOptions);
}
/** The database is set up in a way that would break a promise; the message names the remedy. */
export declare class UnsafeStoreError extends OncommitError {
    constructor(message: string, options?: ErrorOptions);
}
/**
 * What a broker's failure says about, decided by the adapter that saw it:
 * - `away`: the broker can't be reached or can't serve now; no event's fault;
 * - `topic-unavailable`: one topic is unknown or forbidden; the others work;
 * - `event-refused`: the broker takes no such record (too large, invalid), now or later;
 * - `fenced`: another relay took this one's place;
 * - `misconfigured`: a right or a setting is missing that no event can change; the message names it;
 * - `unknown`: anything else. Never counted against an event.
 */
export type BrokerFailure = 'away' | 'topic-unavailable' | 'event-refused' | 'fenced' | 'misconfigured' | 'unknown';
/** The broker failed. The client's own error is `cause`. */
export declare class BrokerError extends OncommitError {
    readonly kind: BrokerFailure;
    /** The topic, where the failure is about one. */
    readonly topic: string | undefined;
    /** A right is missing: a `topic-unavailable` topic that is forbidden, not unknown. */
    readonly forbidden: boolean;
    /** Of `event-refused`: another try can hardly help. */
    readonly permanent: boolean;
    constructor(kind: BrokerFailure, message: string, options?: ErrorOptions & {
        topic?: string;
        forbidden?: boolean;
        permanent?: boolean;
    });
}
/** An optional package that this part needs is not installed. */
export declare class PeerMissingError extends OncommitError {
    constructor(part: string, peer: string, options?: ErrorOptions);
}
/** The position to read from does not exist in the topic any more (retention, a recreated topic). */
export declare class OffsetLostError extends OncommitError {
    readonly topic: string;
    readonly partition: number;
    readonly offset: bigint;
    constructor(message: string, at: {
        topic: string;
        partition: number;
        offset: bigint;
    }, options?: ErrorOptions);
}
/** No codec can read a record. The mark stays before it: a new stream of the group meets it again. */
export declare class BrokenRecordError extends OncommitError {
    readonly topic: string;
    readonly partition: number;
    readonly offset: bigint;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    constructor(at: {
        topic: string;
        partition: number;
        offset: bigint;
        key: Buffer | null;
        value: Buffer | null;
    }, options: ErrorOptions);
}
/** The reader was too slow: `offset` is the first event that found no room. */
export declare class BackpressureError extends OncommitError {
    readonly topic: string;
    readonly partition: number;
    readonly offset: bigint;
    constructor(at: {
        topic: string;
        partition: number;
        offset: bigint;
        maxEvents: number;
    });
}
/** A stream has one reader, which asks for one event at a time. */
export declare class StreamInUseError extends OncommitError {
    constructor(message: string);
}
/** A short text of any value for an error message: its type where its content may be long or secret. */
export declare function describe(value: unknown): string;
/** The message of whatever was thrown, with those of its causes. */
export declare function reasonOf(error: unknown): string;
/** Thrown by a handler: the event is a dead letter at once, no attempt will help. */
export declare class Reject extends OncommitError {
    constructor(reason: string, options?: ErrorOptions);
}
/** Thrown by a handler: the next attempt comes after so many milliseconds. */
export declare class RetryAfter extends OncommitError {
    readonly ms: number;
    constructor(ms: number, options?: ErrorOptions);
}
/** Thrown by a handler of batches: the events before `index` are handled, that one failed. */
export declare class BatchError extends OncommitError {
    readonly index: number;
    constructor(index: number, options?: ErrorOptions);
}

// dist/core/log.d.ts
import type { BrokerError, OffsetLostError } from './errors.ts';
import type { LogRecord } from './codec.ts';
/** Brokers whose topics are logs, read by offset: the reading side. */
export interface LogClientOptions {
    /** A name for the broker's own logs and metrics. */
    readonly clientId: string;
}
export interface TopicPartition {
    readonly topic: string;
    readonly partition: number;
}
/** A position: the offset that is read next. */
export interface Position extends TopicPartition {
    readonly offset: bigint;
}
/** One reader's client: a member of at most one group. */
export interface LogClient {
    /**
     * All partitions of the topics. Throws a `BrokerError`: `topic-unavailable` where one is unknown
     * or forbidden (`topic` says which), `away`.
     */
    partitions(topics: readonly string[]): Promise<readonly TopicPartition[]>;
    /** The offsets of the first record, of the next one to come, or of the first at or after a time. */
    offsets(partitions: readonly TopicPartition[], at: 'earliest' | 'latest' | Date): Promise<readonly Position[]>;
    /**
     * Becomes a member of a group. It resolves when joined; the first assignment comes through
     * `onAssigned`, before or after. Members of a group may read different topics.
     */
    join(options: JoinOptions): Promise<GroupMembership>;
    /**
     * Committed records from these positions on, in offset order per partition. Waits up to
     * `maxWaitMs` for the first. At most about `maxBytes`, but one whole batch of the broker's at
     * least. One call at a time. Rejects with a `BrokerError` (`away`: try again) or with the
     * signal's reason; a partition's own failure is in its page.
     */
    fetch(positions: readonly Position[], options: FetchOptions): Promise<readonly Page[]>;
    /** Leaves the group where it is a member, and closes the connections. Commits nothing. */
    close(): Promise<void>;
}
export interface FetchOptions {
    readonly maxBytes: number;
    readonly maxPartitionBytes: number;
    readonly maxWaitMs: number;
    readonly signal: AbortSignal;
}
/** What one fetch brought of one partition. */
export interface Page extends TopicPartition {
    readonly records: readonly LogRecord[];
    /** Where the next fetch goes on: past records that no reader sees, too. */
    readonly nextOffset: bigint;
    /** The offset after the last committed record. */
    readonly endOffset: bigint;
    /** Why nothing could be read: the position is gone, or the topic is (`topic-unavailable`). */
    readonly error: OffsetLostError | BrokerError | null;
}
export interface JoinOptions {
    readonly group: string;
    readonly topics: readonly string[];
    readonly sessionTimeoutMs: number;
    /** These partitions are the member's from now on, in this generation; kept ones are named again. */
    onAssigned(partitions: readonly TopicPartition[], generation: number): void;
    /**
     * The member's partitions are about to be taken. What it awaits here the group awaits, where
     * `capabilities.awaitsRevocation`; `signal` aborts when it must end. Commits are still accepted.
     */
    onRevoking(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<void>;
    /** The member was expelled, or its session is over: its commits are refused from now on. */
    onLost(partitions: readonly TopicPartition[]): void;
    /** Told when the group can't be reached (`away`), and when it can again (`null`). */
    onAway(error: BrokerError | null): void;
}
/** A mark: everything below `offset` is handled. */
export interface Mark extends Position {
    readonly generation: number;
}
export interface GroupMembership {
    /** The group's committed offsets; a partition without one is left out. */
    committed(partitions: readonly TopicPartition[]): Promise<readonly Position[]>;
    /**
     * Commits marks and resolves when the broker has them. Marks of partitions that the member does
     * not own in that generation are dropped, never sent: `false` where one was.
     */
    commit(marks: readonly Mark[]): Promise<boolean>;
    /**
     * `null` while the session certainly runs. Where the group may have heard nothing for longer, for
     * this process stood still or the broker is away, others may have the partitions: what comes
     * resolves when the group has answered, after `onLost` where the member was expelled.
     */
    heard(): Promise<void> | null;
    /** Tells the group at once. */
    leave(): Promise<void>;
}

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

// dist/core/outbox-store.d.ts
import type { OutboxEvent, StoredEvent } from './event.ts';
import type { IdRanges } from './id-ranges.ts';
import type { Inbox } from './inbox.ts';
import type { OutboxInspection } from './outbox-inspection.ts';
import type { OutboxOperations } from './outbox-operations.ts';
import type { Ack, Backlog, BlockedEntry, BlockedScope, RelayReport, WaitingReport } from './outbox-terms.ts';
import type { RefusedEvent } from './refusals.ts';
export type { Ack, Backlog, BlockedEntry, BlockedScope, RelayReport, WaitingReport, } from './outbox-terms.ts';
/**
 * Where committed events wait until the broker has them. One implementation per database;
 * `oncommit/testing` has the suite that each one passes.
 *
 * Every method throws a `StoreError` when the database fails, with the driver's error as `cause`.
 */
export interface OutboxStore<Tx = unknown> {
    /** The kind of database: `postgres`, `sqlite`. */
    readonly name: string;
    /** Which outbox this is, if a database has several. Relays of one outbox share its lanes. */
    readonly outbox: string;
    /** How many lanes events are spread over: the most relays that can work at once. */
    readonly lanes: number;
    /** In the same database, where the store has one. `Tx` is the same: `append` takes it. */
    readonly inbox?: Inbox<Tx>;
    /**
     * Adds events inside the caller's transaction, in their order: they exist if, and only if,
     * `tx` commits. Throws a `TransactionError`, with nothing written, where `tx` is no open
     * transaction, as far as that can be told.
     */
    append(tx: Tx, events: readonly OutboxEvent[]): Promise<void>;
    /** Makes or changes the tables. Safe to call from any number of processes at once. */
    migrate(): Promise<readonly AppliedMigration[]>;
    /**
     * Only reads. Throws a `SchemaVersionError` where the tables are missing or of a version that
     * this release does not work with, an `UnsafeStoreError` where the database is set up in a way
     * that would break a promise (a replica, a sequence with a cache …). Each names its remedy.
     */
    check(): Promise<void>;
    /** Connections of a relay's own: nothing that a caller does to theirs reaches them. */
    openRelaySession(): Promise<RelaySession>;
    /** What an operator looks through. It needs no more rights than to read. */
    openInspection(): Promise<OutboxInspection>;
    /** What an operator decides about dead letters and blocked keys. It needs the rights of an operator. */
    openOperations(): Promise<OutboxOperations>;
    /** Tells relays of other processes that events may have been sent. A hint: it may be lost. */
    announce(): void;
    /** Calls `listener` when another process announced. Resolves when it listens; may never call. */
    listen(listener: () => void): Promise<AsyncDisposable>;
    /** Closes what the store opened itself. A pool that was given stays open. */
    close(): Promise<void>;
}
export interface AppliedMigration {
    readonly version: number;
    readonly name: string;
}
/** What a running relay asks of the store. Methods may be called side by side unless said otherwise. */
export interface RelaySession extends AsyncDisposable {
    /** Adds a relay, live for `ttlMs` from now. */
    enroll(relay: {
        id: string;
        fence: string;
        protocol: number;
        ttlMs: number;
    }): Promise<void>;
    /**
     * The heartbeat: renews the relay, then lets `claim` choose among the lanes without an owner,
     * in one transaction, so that nobody can fence the relay between the two. Lanes that another
     * relay took meanwhile are left out. With a `report` for operators, which nothing depends on.
     */
    tick(relayId: string, ttlMs: number, claim: (view: RelayView) => readonly number[], report?: RelayReport): Promise<Tick>;
    /**
     * Tells operators that a relay waits for the broker, and has no row among the relays; `null` where
     * it does no more. Nothing depends on it.
     */
    reportWaiting(id: string, report: WaitingReport | null): Promise<void>;
    /** Gives lanes back. The relay has settled all that it had in hand of them. */
    release(relayId: string, lanes: readonly number[]): Promise<void>;
    /**
     * Marks a relay fenced if its time has run out, if it is marked already, or if it is `resigning`,
     * which only the relay itself may say. Gives what the broker needs to fence it; `null` where the
     * relay lives or is gone.
     */
    markFenced(relayId: string, options?: {
        resigning: boolean;
    }): Promise<string | null>;
    /** Frees a fenced relay's lanes and forgets it. Its last batches are settled before this. */
    bury(relayId: string): Promise<void>;
    /**
     * The next events of `lanes` in the order in which they must be published: id order, and never
     * one before an event of its key whose transaction had committed before its own was sent.
     * Not to be called again before it has returned.
     */
    fetch(request: FetchRequest): Promise<FetchedBatch>;
    /** Forgets what was learnt about ids: the next fetch looks from the first one on. */
    forgetPosition(): void;
    /**
     * Records that the broker has a batch, and takes its events off what is to be delivered.
     * `false` where that had been done before. A fact: needs no ownership.
     */
    settle(batch: SettledBatch): Promise<boolean>;
    /**
     * Records refusals, each in one step: the event becomes the head of its entry, which is added
     * where it is new and holds it, or it is dead, once, and its entry is due to be drained (that of a
     * keyless event is gone). Only for lanes that the relay owns, and for events that wait or are held;
     * gives the ids of those. May be repeated, also by a successor.
     */
    refuse(relayId: string, refused: readonly RefusedEvent[]): Promise<readonly bigint[]>;
    /**
     * Moves events that can't be published now out of the way, each under what blocks it: from what
     * is to be delivered, or from another entry that holds them. Only for lanes that the relay owns;
     * gives the ids that it moved. A key has one entry, whatever its head; one that is added here is
     * due to be drained, since nothing of it was refused.
     */
    park(relayId: string, parked: readonly ParkedEvents[]): Promise<readonly bigint[]>;
    /** What is blocked on `lanes`. */
    blocked(lanes: readonly number[]): Promise<readonly BlockedEntry[]>;
    /**
     * Entries whose time has come, by the database's clock, the longest due first: `retrying` ones
     * whose head is to be tried, `draining` ones that `drain` has not taken.
     */
    due(request: DueRequest): Promise<readonly BlockedEntry[]>;
    /** From now on these entries drain. Only on lanes that the relay owns; gives those that are there. */
    drain(relayId: string, blockedIds: readonly bigint[]): Promise<readonly bigint[]>;
    /** The held events of these entries, in id order, without those in hand. */
    fetchHeld(request: HeldRequest): Promise<FetchedBatch>;
    /**
     * Removes entries of which nothing is held any more. Only on lanes that the relay owns; gives
     * those that are not there any more.
     */
    unblock(relayId: string, blockedIds: readonly bigint[]): Promise<readonly bigint[]>;
    /** What waits, cheaply: counts are capped at `BACKLOG_CAP`. */
    backlog(): Promise<Backlog>;
    /**
     * Forgets up to `limit` events that were published longer than `retentionMs` ago. Works for one
     * caller at a time: the others get `elected: false`. Never an event that is pending, held or dead;
     * those that were discarded as long ago too.
     */
    clean(holder: string, options: {
        retentionMs: number;
        limit: number;
        leaseMs: number;
    }): Promise<CleanResult>;
}
/** Counts above it are given as it. */
export declare const BACKLOG_CAP = 100000;
export interface RelayView {
    readonly relays: readonly RelayState[];
    /** Lanes that this relay owns. */
    readonly owned: readonly number[];
    /** Lanes without an owner. */
    readonly free: readonly number[];
}
export interface RelayState {
    readonly id: string;
    readonly protocol: number;
    /** `expired`: has not renewed in time, and nobody has fenced it yet. */
    readonly state: 'live' | 'expired' | 'fenced';
    /** How many lanes it owns. */
    readonly lanes: number;
}
export type Tick = {
    readonly state: 'fenced';
} | {
    readonly state: 'live';
    readonly owned: readonly number[];
    readonly relays: readonly RelayState[];
};
export interface FetchRequest {
    readonly lanes: readonly number[];
    /** Ids that were fetched and not settled. They are not fetched again. */
    readonly inHand: IdRanges;
    readonly maxEvents: number;
    /** Of `size`, together. A batch may pass it by its last event: one is fetched however large it is. */
    readonly maxBytes: number;
    /** Look from the first id on: lanes were gained, or a check is due. */
    readonly fromStart: boolean;
}
export interface FetchedBatch {
    readonly events: readonly StoredEvent[];
    /** A limit was reached: there may be more. */
    readonly full: boolean;
}
export interface SettledBatch {
    /** The relay whose batch it is, which need not be the caller's. */
    readonly relayId: string;
    /** Ascending within a relay, from 1. A lower or equal one is known as settled. */
    readonly number: number;
    readonly ids: IdRanges;
    /** Where it went, for the operator. */
    readonly acks: readonly Ack[];
}
export interface ParkedEvents {
    readonly scope: BlockedScope;
    readonly error: string;
    /** In id order. */
    readonly ids: readonly bigint[];
}
export interface DueRequest {
    readonly lanes: readonly number[];
    /** Of these nothing is due: they can't be written to. */
    readonly exceptTopics: readonly string[];
    readonly limit: number;
}
export interface HeldRequest {
    readonly blockedIds: readonly bigint[];
    /** Most events of each entry. @defaultValue as many as there are */
    readonly maxOfEach?: number;
    readonly inHand: IdRanges;
    readonly maxEvents: number;
    readonly maxBytes: number;
}
export interface CleanResult {
    readonly elected: boolean;
    readonly deleted: number;
    /** The limit was reached: there may be more. */
    readonly more: boolean;
}

// dist/core/inbox.d.ts
/**
 * What is done once, in the transaction that notes it. An interface and no function type, by which
 * the compiler lets `Tx` be narrower than what the store takes: the driver's own type.
 */
export interface InboxWork<Tx> {
    (tx: Tx, fresh: ReadonlySet<string>): Promise<void>;
    readonly name?: string;
}
/** Lets an event have its effects once per group, in one transaction with them. */
export interface Inbox<Tx = unknown> {
    /**
     * Begins a transaction, notes which of `uuids` are new for `group`, runs `work` with the
     * transaction and the new ones, in the letters in which they were given (not at all where none is
     * new), and commits. Gives the new ones. Another call with one of them, here or in another
     * process, waits for this one and then skips it. `tx` is good until `work` has ended: what is
     * executed on it later is a `TransactionError`, and so is a statement that would begin or end a
     * transaction on it. Where a statement of `work` failed and PostgreSQL can't commit any more, it rejects, even if `work` caught the error.
     *
     * Where `work` throws, everything is rolled back and it rejects with that very error, also where
     * that is a `StoreError` (of `send`, say): `===` tells. Where the database is away, its own
     * `StoreError` takes the place of what `work` threw on it. A serialisation failure is tried
     * again, `work` too; one that does not cure itself is a `StoreError`. After a `StoreError` the
     * outcome may be unknown: the same call again finds out. `work` never runs beside itself: nothing
     * settles before it has ended.
     */
    once(group: string, uuids: readonly string[], work: InboxWork<Tx>): Promise<ReadonlySet<string>>;
    /**
     * Forgets what was handled longer ago than `retentionMs`, of all groups; at most one process at a
     * time, in chunks of 1,000 and a tenth of the time, so that nobody notices. Gives how many. An
     * event that comes again after that is new. `signal` ends it after the chunk in hand.
     * @defaultValue `retentionMs` the store's `inboxRetentionSeconds`
     */
    clean(retentionMs?: number, options?: {
        readonly signal?: AbortSignal;
    }): Promise<number>;
}
/** What an event is known by. */
export interface InboxOrigin {
    /** Ours, the same however often it is published. */
    readonly uuid: string | undefined;
    /** The CloudEvents attributes of a foreign event, which together are unique. */
    readonly source?: string | undefined;
    readonly id?: string | undefined;
    readonly topic: string;
    readonly partition: number;
    readonly offset: bigint;
    /** A topic that was made anew has the same offsets again, and other times. */
    readonly publishedAt: Date;
}
/**
 * The uuid under which an inbox notes an event: its own; one made of `source` and `id` where it has
 * none; with neither, one made of its place in the log, by which a copy that is published again is
 * another event.
 */
export declare function inboxUuid(event: InboxOrigin): string;
/**
 * The uuids of a call as stores keep them: each once, in small letters, and in one order, so that
 * no two calls wait for each other. Throws an `OptionError` where the call can't be noted.
 */
export declare function notedUuids(group: string, uuids: readonly string[]): readonly string[];
/** Which of `uuids`, as they were given, are among those that a store has just noted. */
export declare function freshUuids(uuids: readonly string[], noted: ReadonlySet<string>): ReadonlySet<string>;
/** The option `inboxRetentionSeconds` of a store in milliseconds. Throws an `OptionError`. */
export declare function inboxRetentionMs(option: string, seconds?: unknown): number;
/** What an inbox is told to keep: `null` where that is everything. Throws an `OptionError`. */
export declare function keptMs(given: number | undefined, own: number): number | null;
/** Cleans chunk by chunk, a tenth of the time, until one is the last or `signal` aborts. */
export declare function cleanInChunks(cleanChunk: () => Promise<{
    readonly deleted: number;
    readonly more: boolean;
}>, signal?: AbortSignal): Promise<number>;

// dist/core/outbox-inspection.d.ts
import type { Ack, Backlog, BlockedScope, RelayReport, WaitingReport } from './outbox-terms.ts';
/** Counts for operators end here; a look at a large backlog must not add to it. */
export declare const INSPECTION_CAP = 10000;
/**
 * What an operator may ask of an outbox. It only reads, each answer is bounded in rows and in time,
 * and nothing that a relay needs is locked. Methods throw a `StoreError` where the database fails.
 */
export interface OutboxInspection extends AsyncDisposable {
    /** The lowest and highest id that are stored, `null` where there is no event. */
    bounds(): Promise<IdBounds | null>;
    /** The first id that was stored at or after a time, as near as ids and times follow each other. */
    idAt(time: Date): Promise<bigint>;
    /** The id of the event with a uuid in a range of ids, which is read through: keep it short. */
    findBetween(uuid: string, range: IdBounds): Promise<bigint | null>;
    /** An event and where it stands; `null` where it is gone. */
    event(id: bigint): Promise<InspectedEvent | null>;
    /** What holds back events of a scope: of its own first, then its whole topic. */
    blocks(scope: BlockedScope): Promise<readonly InspectedBlock[]>;
    /** Each lane, in order, with its owner. */
    lanes(): Promise<readonly InspectedLane[]>;
    relays(): Promise<readonly InspectedRelay[]>;
    /** Relays that wait for the broker, and said so within the last minute. The longest waiting first. */
    waiting(): Promise<readonly WaitingRelay[]>;
    /** Transactions that have stored events and have not ended, the oldest first. Empty where the database can't tell. */
    openTransactions(): Promise<readonly OpenTransaction[]>;
    /** What waits. Capped as a relay's. */
    backlog(): Promise<Backlog>;
    /** What waits and what is dead by topic, of the oldest `INSPECTION_CAP` of each kind. */
    topics(): Promise<readonly InspectedTopic[]>;
    /** Events stored in the last minute: of the newest `INSPECTION_CAP`, over the time that they took. */
    stored(): Promise<InspectedRates>;
    /** Events published in the last minute, by their receipts; the topics are a share of the newest. */
    published(): Promise<InspectedRates>;
    ledger(): Promise<InspectedLedger>;
    /** The version of the tables. */
    version(): Promise<number>;
}
export interface WaitingRelay extends WaitingReport {
    readonly id: string;
}
export interface IdBounds {
    readonly first: bigint;
    readonly last: bigint;
}
export interface InspectedEvent {
    readonly id: bigint;
    readonly uuid: string;
    readonly topic: string;
    readonly key: string | null;
    readonly msgType: string;
    /** Of the payload. */
    readonly bytes: number;
    readonly storedAt: Date;
    readonly ageMs: number;
    readonly lane: number;
    readonly standing: Standing;
}
export type Standing = {
    readonly state: 'pending';
    /** Events of its lane that wait and come first; of as many as were looked at. */
    readonly before: CappedCount;
} | {
    readonly state: 'held';
    readonly block: InspectedBlock;
} | {
    readonly state: 'dead';
    readonly at: Date;
    readonly attempts: number;
    readonly error: string | null;
} | {
    readonly state: 'delivered';
    readonly publishedAt: Date;
    readonly acks: readonly Ack[];
    /** Events of its topic in its batch that come before it. */
    readonly topicRank: number;
}
/** An operator gave it up. Where it was on its way all the same, it is `delivered`. */
 | {
    readonly state: 'discarded';
    readonly at: Date;
    readonly actor: string;
    readonly reason: string;
}
/** Neither waiting nor published, as far as the tables tell: someone has changed them by hand. */
 | {
    readonly state: 'untracked';
};
export interface CappedCount {
    readonly count: number;
    /** There may be more. */
    readonly capped: boolean;
}
export interface InspectedBlock extends BlockedScope {
    readonly id: bigint;
    readonly state: string;
    readonly error: string;
    readonly attempts: number;
    readonly since: Date;
    readonly retryAt: Date | null;
    /** The first event under it, `null` where it holds none. */
    readonly head: {
        readonly id: bigint;
        readonly uuid: string;
    } | null;
    readonly held: CappedCount;
}
export interface InspectedLane {
    readonly lane: number;
    readonly owner: string | null;
    readonly epoch: number;
}
export interface InspectedRelay {
    readonly id: string;
    /** `expired`: has not renewed in time, and nobody has fenced it yet. */
    readonly state: 'live' | 'expired' | 'fenced';
    /** Until its lease runs out; below zero since it has. */
    readonly leaseMs: number;
    /** What it said of itself when it last renewed, `null` where it never did. */
    readonly report: RelayReport | null;
}
/** What its statements say is not part of it: they may carry an application's data. */
export interface OpenTransaction {
    /** The server's process, `null` for a prepared transaction. */
    readonly pid: number | null;
    /** By the database's clock; `null` without the right to see it. */
    readonly startedAt: Date | null;
    readonly ageMs: number | null;
    /** What its session does: `active`, `idle in transaction`; `prepared`. */
    readonly state: string;
    readonly application: string;
}
/** What went through in the last time, of as much as was looked at. */
export interface InspectedRates {
    /** How far back it was looked, at most a minute. */
    readonly windowMs: number;
    readonly perSecond: number;
    readonly byTopic: ReadonlyMap<string, number>;
}
export interface InspectedTopic {
    readonly topic: string;
    readonly pending: number;
    readonly oldestAgeMs: number | null;
    readonly held: number;
    readonly dead: number;
}
export interface InspectedLedger {
    /** As the database estimates it: it is never counted. */
    readonly events: number;
    readonly bytes: number;
}

// dist/core/outbox-terms.d.ts
/** What a relay says of itself, in times that have passed: clocks may differ. */
export interface RelayReport {
    /** Since the broker has not answered, `null` where it does. */
    readonly brokerAwayMs: number | null;
    /** What fails right now, `null` where nothing does. */
    readonly lastError: string | null;
    /** Since its last batch was settled, `null` where there was none. */
    readonly settledMs: number | null;
}
/** What a relay says that has no place at the broker yet. */
export interface WaitingReport {
    /** Since it waits. */
    readonly waitingMs: number;
    readonly error: string;
}
/** The first offset of a run of records that a partition took together. */
export type Ack = readonly [topic: string, partition: number, baseOffset: string];
/**
 * What is blocked: a key of a topic (`eventId` is the event at its head, where one was refused), one
 * keyless event (`key` is null, `eventId` is set), or a whole topic on one lane (both null).
 */
export interface BlockedScope {
    readonly topic: string;
    readonly key: string | null;
    readonly eventId: bigint | null;
    readonly lane: number;
}
/**
 * What is blocked, and what comes of it:
 * - `retrying`: its head is tried again when its time has come;
 * - `blocked`: it waits until someone decides, or until the topic is back;
 * - `draining`: what it holds is being published, in order.
 */
export interface BlockedEntry extends BlockedScope {
    readonly id: bigint;
    readonly error: string;
    readonly state: 'retrying' | 'blocked' | 'draining';
    /** How often the head, which is `eventId`, was refused. */
    readonly attempts: number;
}
export interface Backlog {
    readonly pending: number;
    /** Milliseconds since the oldest pending event was stored, `null` where there is none. */
    readonly oldestAgeMs: number | null;
    readonly blocked: number;
    readonly held: number;
    readonly dead: number;
}

// dist/core/outbox-operations.d.ts
/**
 * What operators may do to an outbox: look at what died and what is blocked, and decide about it.
 * It looks in pages, and acts in chunks: each chunk is one transaction, which writes what it did to
 * the audit too. Methods throw a `StoreError` where the database fails.
 */
export interface OutboxOperations extends AsyncDisposable {
    /** The database's time, to freeze by what is acted on. */
    now(): Promise<Date>;
    /** Dead letters, in id order. A page looks at a bounded number, and may be empty before the last one. */
    deadLetters(request: DeadRequest): Promise<Page<DeadLetter>>;
    /** Blocked keys, keyless events and topics, in the order in which they were blocked; as `deadLetters`. */
    blockedKeys(request: BlockedRequest): Promise<Page<BlockedKey>>;
    /** The first events that an entry holds, in id order. */
    held(blockedId: bigint, limit: number): Promise<readonly HeldEvent[]>;
    /** What an event carries; `null` where it is gone. */
    contents(eventId: bigint): Promise<EventContents | null>;
    /** Events of some keys that were published, with ids above `after`, in id order; as `deadLetters`. */
    published(request: PublishedRequest): Promise<Page<PublishedEvent>>;
    /** The newest entries of the audit first, or those alone that tell of one of some uuids. */
    audit(request: {
        readonly uuids?: readonly string[];
        readonly limit: number;
    }): Promise<readonly AuditEntry[]>;
    /**
     * Has dead letters published again, behind what their keys have published since: each joins what
     * its key holds, or is due to be drained. Those that are not dead any more, or died after `upTo`,
     * are left alone.
     */
    requeue(letters: ChunkOf & {
        readonly upTo: Date;
    }): Promise<Requeued>;
    /** Gives up dead letters for good; as `requeue`. */
    discardDead(letters: ChunkOf & {
        readonly upTo: Date;
    }): Promise<Done>;
    /**
     * Gives up held events for good. Where one is the head of what is blocked, the rest is due to be
     * drained. Those that are not held any more are left alone.
     */
    discardHeld(events: ChunkOf): Promise<Done>;
    /**
     * Lets blocked and retrying entries drain now, as if nothing of them had been refused. Whole topics
     * are left alone, and what drains already.
     */
    release(entries: ChunkOf): Promise<Done>;
}
/** Conditions that must all be met. */
export interface OperatorFilter {
    /** Of the dead letter, or of the head of what is blocked. In small letters. */
    readonly uuids?: readonly string[];
    readonly topic?: string;
    readonly key?: string;
    /** The whole text of the error; `*` stands for any text. */
    readonly error?: string;
    /** Dead or blocked at this time or later. */
    readonly from?: Date;
    /** Dead or blocked before this time. */
    readonly to?: Date;
}
interface PageRequest {
    /** Only with ids above it. */
    readonly after: bigint;
    readonly limit: number;
}
export interface DeadRequest extends PageRequest {
    readonly filter: OperatorFilter;
    /** Only those that were dead by then, to the millisecond. */
    readonly upTo: Date;
}
export type BlockedRequest = DeadRequest;
export interface PublishedRequest extends PageRequest {
    readonly keys: readonly KeyOfTopic[];
}
interface KeyOfTopic {
    readonly topic: string;
    readonly key: string;
}
export interface Page<T> {
    readonly items: readonly T[];
    /** Where to go on, `null` where there is no more. */
    readonly next: bigint | null;
}
export interface DeadLetter {
    readonly id: bigint;
    readonly uuid: string;
    readonly topic: string;
    readonly key: string | null;
    readonly msgType: string;
    /** Of the payload. */
    readonly bytes: number;
    readonly storedAt: Date;
    readonly diedAt: Date;
    readonly attempts: number;
    readonly error: string;
    /** How often it was requeued. */
    readonly redelivered: number;
}
export interface BlockedKey {
    readonly id: bigint;
    readonly topic: string;
    /** Null for a keyless event and for a whole topic. */
    readonly key: string | null;
    readonly lane: number;
    readonly state: 'retrying' | 'blocked' | 'draining';
    readonly error: string;
    readonly attempts: number;
    readonly since: Date;
    readonly retryAt: Date | null;
    /** A whole topic, on one lane: nobody's event was refused. */
    readonly isTopic: boolean;
    /** The event that was refused, or else the first one that is held; `null` where none is. */
    readonly head: {
        readonly id: bigint;
        readonly uuid: string;
    } | null;
    /** How many events it holds; counted up to `HELD_CAP`. */
    readonly held: number;
}
/** More held events of one entry are given as it. */
export declare const HELD_CAP = 10000;
export interface HeldEvent {
    readonly id: bigint;
    readonly uuid: string;
    readonly msgType: string;
    readonly bytes: number;
    readonly storedAt: Date;
    readonly redelivered: number;
}
export interface EventContents {
    readonly mimeType: string;
    /** As they are stored. */
    readonly headers: string | null;
    readonly payload: Buffer | null;
}
export interface PublishedEvent extends KeyOfTopic {
    readonly id: bigint;
    readonly uuid: string;
}
/** What one transaction acts on, and what the audit is told of it. */
export interface ChunkOf {
    readonly ids: readonly bigint[];
    readonly note: AuditNote;
}
export interface AuditNote {
    /** The same for all chunks of one action: a uuid. */
    readonly bulk: string;
    readonly actor: string;
    readonly reason: string;
    /** What the action was asked for, as JSON. */
    readonly filter: object;
}
export interface Done {
    readonly done: number;
}
export interface Requeued extends Done {
    /** Of these: they wait with a key that is blocked or retrying. */
    readonly waiting: number;
}
/** One chunk of an action. Entries are added and never changed. */
export interface AuditEntry {
    readonly id: bigint;
    readonly bulk: string;
    readonly at: Date;
    readonly actor: string;
    readonly action: 'requeue' | 'discard' | 'release';
    readonly filter: unknown;
    readonly reason: string;
    /** How many it was asked for. */
    readonly matched: number;
    /** How many of these there were. */
    readonly done: number;
    /** The uuids of the events, and who was connected to the database. */
    readonly details: unknown;
}
export {};

// dist/core/refusals.d.ts
import type { BlockedScope } from './outbox-terms.ts';
/** An event that the broker refused, and what becomes of it. */
export interface RefusedEvent {
    /** What waits: the event's key, or a keyless event itself. `eventId` is the event. */
    readonly scope: BlockedScope & {
        readonly eventId: bigint;
    };
    readonly error: string;
    /** How often it has been refused, this time included: to record it twice counts once. */
    readonly attempts: number;
    readonly next: RefusalOutcome;
}
/**
 * - `retrying`: it is due again after so long, by the database's clock;
 * - `blocked`: it waits, and its key behind it, until someone decides;
 * - `dead`: it is not published; what waits behind it is due to be drained.
 */
export type RefusalOutcome = {
    readonly state: 'retrying';
    readonly afterMs: number;
} | {
    readonly state: 'blocked';
} | {
    readonly state: 'dead';
};

// dist/brokers/kafka/kafka-options.d.ts
import type { ConnectionOptions } from 'node:tls';
import type { KafkaConnection } from './kafka-client.ts';
/** How the client proves who it is. */
export interface KafkaSasl {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER' | 'GSSAPI';
    readonly username?: string | (() => string | Promise<string>);
    readonly password?: string | (() => string | Promise<string>);
    /** For OAUTHBEARER. */
    readonly token?: string | (() => string | Promise<string>);
}
declare const GROUP_PROTOCOLS: readonly ['classic', 'consumer'];
/** How members of a group share its partitions. */
export type GroupProtocol = (typeof GROUP_PROTOCOLS)[number];
declare const COMPRESSIONS: readonly ['none', 'lz4', 'gzip', 'snappy', 'zstd'];
export interface KafkaOptions {
    /** Some of the cluster's brokers, `host:port` each. The others are found through them. */
    readonly brokers: readonly string[];
    /**
     * `exactly-once` publishes in transactions: a committed-only reader sees each event once, and a
     * relay that was taken for dead is shut out. `at-least-once` needs no transactions and is a
     * little faster; after a fault the two newest batches may come again. @defaultValue 'exactly-once'
     */
    readonly guarantee?: 'exactly-once' | 'at-least-once';
    /** How the clients are called in the broker's logs and metrics. @defaultValue 'oncommit' */
    readonly clientId?: string;
    /** @defaultValue no authentication */
    readonly sasl?: KafkaSasl;
    /** `true`, or Node's own settings for TLS. @defaultValue no TLS */
    readonly tls?: boolean | ConnectionOptions;
    /** Of record batches. It runs in the event loop: `lz4` costs the least. @defaultValue 'none' */
    readonly compression?: (typeof COMPRESSIONS)[number];
    /**
     * Most bytes of one record. The brokers and topics must take as much (`max.message.bytes`, by
     * default 1,048,588 less a little overhead). @defaultValue 1_000_000
     */
    readonly maxRecordBytes?: number;
    /**
     * The compacted topic that says in each transaction which events it holds. It is made where it
     * is missing. Readers of other topics never see it. @defaultValue '__oncommit_markers'
     */
    readonly markerTopic?: string;
    /** Replication of the marker topic when it is made. @defaultValue the brokers' own default */
    readonly markerReplication?: number;
    /** How long a batch may take before the brokers count as away. @defaultValue 5_000 */
    readonly publishTimeoutMs?: number;
    /**
     * How long a transaction may stay open before the broker aborts it: longer than publishTimeoutMs,
     * and as short as may be, since an open one holds up committed-only readers. @defaultValue 10_000
     */
    readonly transactionTimeoutMs?: number;
    /**
     * How streams and consumers join their group (Kafka's `group.protocol`). With `classic` the whole
     * group stops for each member that comes or goes. With `consumer` (KIP-848, Kafka 4) the brokers
     * say who reads what, and only members that give or get partitions stop. What is in hand is waited
     * for with both. With `consumer` the session is the brokers' (`group.consumer.session.timeout.ms`):
     * the `sessionTimeout` of a stream only limits how long the group waits for what is in hand.
     * @defaultValue 'classic'
     */
    readonly groupProtocol?: GroupProtocol;
    /** Further settings of `@platformatic/kafka`, passed through as they are. @defaultValue none */
    readonly client?: Readonly<Record<string, unknown>>;
}
/** All options, with their defaults applied. */
export interface KafkaSettings {
    readonly connection: KafkaConnection;
    readonly guarantee: 'exactly-once' | 'at-least-once';
    readonly compression: (typeof COMPRESSIONS)[number];
    readonly maxRecordBytes: number;
    readonly markerTopic: string;
    /** -1 is the brokers' default. */
    readonly markerReplication: number;
    readonly publishTimeoutMs: number;
    readonly transactionTimeoutMs: number;
    readonly groupProtocol: GroupProtocol;
}
/** Checks the options and applies the defaults. Throws an `OptionError`. */
export declare function readKafkaOptions(options: KafkaOptions): KafkaSettings;
export {};

// dist/brokers/kafka/kafka-client.d.ts
/** Where a broker listens. */
export interface BrokerAddress {
    readonly host: string;
    readonly port: number;
}
/** One socket to one broker, as `@platformatic/kafka` has it. */
export interface NodeConnection {
    readonly socket: {
        destroy(): unknown;
    } | undefined;
    on(event: 'error', listener: (error: Error) => void): unknown;
    send(apiKey: number, apiVersion: number, createPayload: () => RequestWriter, parser: unknown, requestTags: boolean, responseTags: boolean, callback: (error: Error | null, response: never) => void): void;
}
/** Writes the bytes of a request. */
export interface RequestWriter {
    append(buffer: Buffer): RequestWriter;
    readonly dynamicBuffer: object;
}
/** A pool of connections, one per broker. */
export interface ConnectionPool extends Iterable<[string, NodeConnection]> {
    get(broker: BrokerAddress): Promise<NodeConnection>;
    getFirstAvailable(brokers: readonly BrokerAddress[]): Promise<NodeConnection>;
    on(event: 'connecting', listener: (event: {
        connection: NodeConnection;
    }) => void): unknown;
    close(): Promise<void>;
}
/** One version of one request of Kafka's protocol. */
export interface KafkaApi<Args extends readonly unknown[], Response> {
    readonly key: number;
    readonly version: number;
    async(connection: NodeConnection, ...args: Args): Promise<Response>;
}
interface MetadataPartition {
    readonly errorCode: number;
    readonly partitionIndex: number;
    readonly leaderId: number;
}
export interface MetadataResponse {
    readonly brokers: readonly (BrokerAddress & {
        readonly nodeId: number;
    })[];
    readonly topics: readonly {
        readonly errorCode: number;
        readonly name: string;
        readonly topicId: string;
        readonly partitions: readonly MetadataPartition[];
        readonly topicAuthorizedOperations: number;
    }[];
}
export interface ProducePartitionResponse {
    readonly index: number;
    readonly errorCode: number;
    readonly baseOffset: bigint;
    readonly recordErrors: readonly {
        readonly batchIndex: number;
        readonly batchIndexErrorMessage: string | null;
    }[];
    readonly errorMessage: string | null;
}
export interface ProduceResponse {
    readonly responses: readonly {
        readonly name: string;
        readonly partitionResponses: readonly ProducePartitionResponse[];
    }[];
}
export interface AddPartitionsResponse {
    readonly resultsByTransaction: readonly {
        readonly topicResults: readonly {
            readonly name: string;
            readonly resultsByPartition: readonly {
                readonly partitionErrorCode: number;
            }[];
        }[];
    }[];
}
interface DescribeProducersResponse {
    readonly topics: readonly {
        readonly name: string;
        readonly partitions: readonly {
            readonly partitionIndex: number;
            readonly errorCode: number;
            readonly activeProducers: readonly {
                readonly producerId: bigint;
                /** -1 where it has no transaction open on this partition. */
                readonly currentTxnStartOffset: bigint;
            }[];
        }[];
    }[];
}
export interface FetchedBatch {
    readonly firstOffset: bigint;
    readonly lastOffsetDelta: number;
    readonly attributes: number;
    readonly producerId: bigint;
    readonly records: readonly {
        readonly key: Buffer | null;
        readonly value: Buffer | null;
    }[];
}
interface FetchResponse {
    readonly responses: readonly {
        readonly partitions: readonly {
            readonly errorCode: number;
            readonly records?: readonly FetchedBatch[] | null;
        }[];
    }[];
}
type FetchArgs = readonly [
    maxWaitMs: number,
    minBytes: number,
    maxBytes: number,
    isolationLevel: number,
    sessionId: number,
    sessionEpoch: number,
    topics: readonly {
        readonly topicId: string;
        readonly partitions: readonly {
            readonly partition: number;
            readonly currentLeaderEpoch: number;
            readonly fetchOffset: bigint;
            readonly lastFetchedEpoch: number;
            readonly partitionMaxBytes: number;
        }[];
    }[],
    forgotten: readonly never[],
    rackId: string
];
interface ApiModule<Args extends readonly unknown[], Response> {
    readonly api: KafkaApi<Args, Response>;
}
/** What of `@platformatic/kafka` the publishing side uses. */
export interface KafkaPeer {
    readonly ConnectionPool: new (clientId: string, options: object) => ConnectionPool;
    readonly Writer: {
        create(): RequestWriter;
    };
    readonly crc32c: (data: object) => number;
    readonly parseBroker: (broker: string, defaultPort: number) => BrokerAddress;
    readonly compressionsAlgorithms: Readonly<Record<string, {
        readonly bitmask: number;
        compressSync(data: Buffer): Buffer;
    }>>;
    readonly metadataV12: ApiModule<[
        topics: readonly string[],
        autoCreate: boolean,
        withOperations: boolean
    ], MetadataResponse>;
    readonly findCoordinatorV4: ApiModule<[
        keyType: number,
        keys: readonly string[]
    ], {
        readonly coordinators: readonly (BrokerAddress & {
            readonly nodeId: number;
        })[];
    }>;
    readonly initProducerIdV4: ApiModule<[
        transactionalId: string | null,
        timeoutMs: number,
        producerId: bigint,
        epoch: number
    ], {
        readonly producerId: bigint;
        readonly producerEpoch: number;
    }>;
    readonly addPartitionsToTxnV3: ApiModule<[
        transactions: readonly {
            readonly transactionalId: string;
            readonly producerId: bigint;
            readonly producerEpoch: number;
            readonly topics: readonly {
                readonly name: string;
                readonly partitions: readonly number[];
            }[];
        }[]
    ], AddPartitionsResponse>;
    readonly endTxnV3: ApiModule<[
        transactionalId: string,
        producerId: bigint,
        epoch: number,
        commit: boolean
    ], unknown>;
    readonly describeTransactionsV0: ApiModule<[
        transactionalIds: readonly string[]
    ], {
        readonly transactionStates: readonly {
            readonly transactionState: string;
            readonly producerId: bigint;
        }[];
    }>;
    readonly describeProducersV0: ApiModule<[
        topics: readonly {
            readonly name: string;
            readonly partitionIndexes: readonly number[];
        }[]
    ], DescribeProducersResponse>;
    readonly produceV9: {
        readonly parseResponse: unknown;
    };
    readonly listOffsetsV6: ApiModule<[
        replica: number,
        isolationLevel: number,
        topics: readonly {
            readonly name: string;
            readonly partitions: readonly {
                readonly partitionIndex: number;
                readonly currentLeaderEpoch: number;
                readonly timestamp: bigint;
            }[];
        }[]
    ], {
        readonly topics: readonly {
            readonly partitions: readonly {
                readonly offset: bigint;
            }[];
        }[];
    }>;
    readonly fetchV13: ApiModule<FetchArgs, FetchResponse>;
    readonly createTopicsV5: ApiModule<[
        topics: readonly {
            readonly name: string;
            readonly numPartitions: number;
            readonly replicationFactor: number;
            readonly assignments: readonly never[];
            readonly configs: readonly {
                readonly name: string;
                readonly value: string;
            }[];
        }[],
        timeoutMs: number,
        validateOnly: boolean
    ], unknown>;
}
/** How clients of one broker are made: both sides of the adapter start from it. */
export interface KafkaConnection {
    readonly clientId: string;
    /** Settings of any client of the peer: brokers, sasl, tls, timeouts and what the user passed through. */
    readonly clientOptions: Readonly<Record<string, unknown>> & {
        readonly bootstrapBrokers: readonly string[];
    };
}
/**
 * The peer, loaded at first use. A side that needs more of it than `KafkaPeer` names its own type.
 * Throws a `PeerMissingError` where the package is not installed.
 */
export declare function loadKafka<Peer = KafkaPeer>(): Promise<Peer>;
export {};

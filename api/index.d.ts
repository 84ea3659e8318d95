// dist/index.d.ts
export { EventBus } from './bus/event-bus.ts';
export type { EventBusOptions } from './bus/event-bus.ts';
export type { Consumer } from './consumer/consume/consumer.ts';
export type { BatchHandler, Handler, HandlerContext } from './consumer/consume/handling.ts';
export type { ConsumeBatchesOptions, ConsumeOptions, RepublishOptions, } from './consumer/consume/options.ts';
export type { ConsumerCounts, ConsumerHealth, ConsumerLag, ConsumerResult, } from './consumer/consume/report.ts';
export type { RetryOptions } from './consumer/consume/retry.ts';
export type { HeldEvent } from './consumer/consume/troubles.ts';
export type { Backpressure } from './consumer/stream/backpressure.ts';
export type { Broken, BrokenRecord, OnBroken } from './consumer/broken.ts';
export type { StreamCounts } from './consumer/stream/counts.ts';
export type { EventStream } from './consumer/stream/event-stream.ts';
export type { StreamHealth } from './consumer/reading/health.ts';
export type { PartitionLag } from './consumer/reading/lag.ts';
export type { StreamOptions } from './consumer/stream/options.ts';
export type { ReadingOptions, StartAt } from './consumer/reading/reading-options.ts';
export type { ReceivedEvent } from './consumer/received-event.ts';
export type { DataOf, Topics } from './consumer/typed.ts';
export type { AppendResult, Broker, BrokerCapabilities, Producer, ProducerOptions, PublishBatch, PublishedBatch, Publisher, PublisherOptions, Refusal, TopicRecord, } from './core/broker.ts';
export type { Codec, DecodedEvent, LogRecord, WireRecord } from './core/codec.ts';
export { BackpressureError, BatchError, BrokenRecordError, BrokerError, ERROR_CODES, EventError, OffsetLostError, OncommitError, OptionError, PeerMissingError, Reject, RetryAfter, SchemaVersionError, StoreError, StreamInUseError, TransactionError, UnsafeStoreError, } from './core/errors.ts';
export type { BrokerFailure, ErrorCode } from './core/errors.ts';
export type { EventInput, HeaderValue, Headers, OutboxEvent, StoredEvent } from './core/event.ts';
export type { IdRange, IdRanges } from './core/id-ranges.ts';
export type { Inbox, InboxWork } from './core/inbox.ts';
export type { FetchOptions, GroupMembership, JoinOptions, LogClient, LogClientOptions, Mark, Page, Position, TopicPartition, } from './core/log.ts';
export type { Logger } from './core/logger.ts';
export type { Ack, AppliedMigration, Backlog, BlockedEntry, BlockedScope, CleanResult, FetchRequest, FetchedBatch, HeldRequest, OutboxStore, ParkedEvents, RelaySession, RelayState, RelayView, SettledBatch, Tick, } from './core/outbox-store.ts';
export type { DecisionResult, RequeueOptions, RequeueResult } from './operations/acting.ts';
export type { AuditRecord, Decision } from './operations/audit.ts';
export type { BlockedKeyInfo, HeldEventInfo } from './operations/blocked-keys.ts';
export type { BulkOptions, BulkProgress, BulkResult } from './operations/bulk.ts';
export type { DeadGroup, DeadLetterInfo, RequeuePreview } from './operations/dead-letters.ts';
export type { OperationsFilter } from './operations/filters.ts';
export type { NewerEvents } from './operations/newer-events.ts';
export type { Operations, WholeDeadLetter } from './operations/operations.ts';
export type { CappedCount, IdBounds, InspectedBlock, InspectedEvent, InspectedLane, InspectedLedger, InspectedRates, InspectedRelay, InspectedTopic, OpenTransaction, OutboxInspection, Standing, } from './core/outbox-inspection.ts';
export type { Schema, SchemaIssue, SchemaResult, Topic } from './core/topic.ts';
export type { ExplainOptions } from './operations/explain.ts';
export type { ExplainedEvent, Explanation, HeldBy, Place } from './operations/explanation.ts';
export type { Status, StatusBroker, StatusOptions, StatusRates, StatusRelay, StatusTopic, } from './operations/status-report.ts';
export type { RelayOptions } from './relay/options.ts';
export type { Relay, RelayStatus } from './relay/relay.ts';

// dist/bus/event-bus.d.ts
import type { Broker } from '../core/broker.ts';
import type { Codec } from '../core/codec.ts';
import type { EventInput } from '../core/event.ts';
import type { Logger } from '../core/logger.ts';
import type { AppliedMigration, OutboxStore } from '../core/outbox-store.ts';
import { type Schema, type Topic } from '../core/topic.ts';
import type { DataOf, Topics } from '../consumer/typed.ts';
import type { Consumer } from '../consumer/consume/consumer.ts';
import type { BatchHandler, Handler } from '../consumer/consume/handling.ts';
import type { ConsumeBatchesOptions, ConsumeOptions, RepublishOptions } from '../consumer/consume/options.ts';
import type { ConsumerResult } from '../consumer/consume/report.ts';
import type { EventStream } from '../consumer/stream/event-stream.ts';
import type { StreamOptions } from '../consumer/stream/options.ts';
import { Operations } from '../operations/operations.ts';
import { Relay } from '../relay/relay.ts';
import type { RelayOptions } from '../relay/options.ts';
export interface EventBusOptions<Tx = unknown> {
    /** Where events are stored: `postgres(…)`, `sqlite(…)`. Not needed to consume. */
    readonly store?: OutboxStore<Tx>;
    /** Where they go and are read: `kafka(…)`, `local(…)`. Not needed to send. */
    readonly broker?: Broker;
    /** How an event becomes a record, and back: `cloudEvents(…)`. Not needed to send. */
    readonly codec?: Codec;
    /** @defaultValue warnings and errors to the console */
    readonly logger?: Logger;
}
/**
 * Sends events inside your transactions, publishes what committed, and streams it back.
 *
 * @example
 * ```ts
 * const bus = new EventBus({ store: postgres({ pool }), broker: kafka({ brokers: ['localhost:9092'] }) })
 * await bus.send(tx, { topic: 'orders', key: order.id, msgType: 'OrderPlaced', payload: order })
 * await using relay = await bus.startRelay()
 * for await (const event of bus.stream('orders', { group: 'billing' })) await bill(event.json())
 * ```
 */
export declare class EventBus<Tx = unknown> implements AsyncDisposable {
    #private;
    constructor(options: EventBusOptions<Tx>);
    /** What operators look at and decide about: dead letters and blocked keys. Needs the store alone. */
    get operations(): Operations;
    /** Makes or changes the tables; gives what it applied. Any number of processes may do it at once. */
    migrate(): Promise<readonly AppliedMigration[]>;
    /**
     * Stores one event, or several in their order, inside the caller's transaction: they exist if,
     * and only if, `tx` commits.
     *
     * Throws on any failure, so that the transaction fails too: an `EventError` or a
     * `TransactionError` before anything is written, a `StoreError` where the database failed.
     */
    send(tx: Tx, events: EventInput | readonly EventInput[]): Promise<void>;
    /**
     * Starts to publish what was committed, here; any number of processes may, and they share the
     * work. Resolves when it works, or waits for the broker. Throws a `SchemaVersionError`, an
     * `UnsafeStoreError` or a `BrokerError` where waiting would not help.
     */
    startRelay(options?: RelayOptions): Promise<Relay>;
    /**
     * A topic whose payloads have a schema: `event.data` is of its type wherever the topic is read, and
     * a payload that doesn't fit is a broken record. Any Standard Schema that answers at once will do.
     *
     * @example
     * ```ts
     * const orders = bus.topic('orders', z.object({ id: z.string(), total: z.number() }))
     * for await (const { data } of bus.stream(orders, { group: 'billing' })) await bill(data.total)
     * ```
     */
    topic<T>(name: string, schema: Schema<T>): Topic<T>;
    /** The events of a topic, or of several. See `EventStream`; it starts with the loop. */
    stream<const Of extends Topics>(topics: Of, options?: StreamOptions): EventStream<DataOf<Of>>;
    /**
     * Gives the events of topics to a handler: one at a time per key, `concurrency` keys side by side.
     * A handler that throws is called again. See `Consumer`; it starts at once.
     *
     * @example
     * ```ts
     * await using billing = bus.consume('orders', { group: 'billing' }, async (event, { signal }) => {
     *   await bill(event.json(), { signal })
     * })
     * ```
     */
    consume<InboxTx = Tx, const Of extends Topics = Topics>(topics: Of, options: ConsumeOptions<InboxTx>, handler: Handler<InboxTx, DataOf<Of>>): Consumer;
    /** Gives the events of topics to a handler in batches, each of one partition and in its order. */
    consumeBatches<InboxTx = Tx, const Of extends Topics = Topics>(topics: Of, options: ConsumeBatchesOptions<InboxTx>, handler: BatchHandler<InboxTx, DataOf<Of>>): Consumer;
    /**
     * Gives the dead letters of a topic and group that are there now to the group's handler, with the
     * group's inbox, as the events that they were. What fails again is a dead letter again. `options`
     * are those of `consume`. Resolves when it is through.
     */
    redrive<InboxTx = Tx, T = unknown>(topic: string | Topic<T>, options: ConsumeOptions<InboxTx>, handler: Handler<InboxTx, T>): Promise<ConsumerResult>;
    /**
     * Publishes the dead letters of a topic and group that are there now to the topic again, byte for
     * byte: every group that reads it gets them, behind what it holds by now. For this group alone
     * there is `redrive`, with which it shares the marks: a letter is done by the one or the other.
     * Rejects with the `BrokerError` of the first one that is refused; those from there on stay. What
     * was under way then, or when the process died, may be published twice.
     */
    republish(topic: string | Topic, options: RepublishOptions): Promise<ConsumerResult>;
    /** Ends the streams and consumers of a topic and group that are open here; what they have in hand may finish. */
    unsubscribe(topic: string, group: string): Promise<void>;
    /** The groups that read a topic here. */
    listSubscribers(topic: string): string[];
    /** Ends streams, consumers and relays, with what they have in hand, and closes the connections. */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

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

// dist/core/logger.d.ts
/**
 * Where the parts report to. `console` and pino fit. Never given a payload or a header's value.
 */
export interface Logger {
    debug(message: string): void;
    info(message: string): void;
    warn(message: string): void;
    error(message: string): void;
}
/** Warnings and errors to the console, the rest nowhere. */
export declare const defaultLogger: Logger;

// dist/core/topic.d.ts
/**
 * What Zod, Valibot, ArkType and others call a schema, by the specification that they share.
 * @see https://standardschema.dev
 */
export interface Schema<T = unknown> {
    readonly '~standard': {
        readonly version: 1;
        readonly vendor: string;
        readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>;
        readonly types?: {
            readonly input: unknown;
            readonly output: T;
        } | undefined;
    };
}
export type SchemaResult<T> = {
    readonly value: T;
    readonly issues?: undefined;
} | {
    readonly issues: readonly SchemaIssue[];
};
export interface SchemaIssue {
    readonly message: string;
    readonly path?: readonly (PropertyKey | {
        readonly key: PropertyKey;
    })[] | undefined;
}
/** A topic, and what its payloads are. */
export interface Topic<T = unknown> {
    readonly name: string;
    readonly schema: Schema<T>;
}
/** Throws an `OptionError` where one of them isn't what it should be. */
export declare function topicOf<T>(name: string, schema: Schema<T>): Topic<T>;
/** What the schema makes of a value. Throws a `TypeError` that says what doesn't fit. */
export declare function validate<T>({ name, schema }: Topic<T>, value: unknown): T;

// dist/consumer/typed.d.ts
import type { Codec } from '../core/codec.ts';
import { type Topic } from '../core/topic.ts';
/** Topics by their names, or with the schema of their payloads. */
export type Topics<T = unknown> = string | Topic<T> | readonly (string | Topic<T>)[];
/** What `event.data` is, of any of the topics: unknown where one of them has no schema. */
export type DataOf<Of extends Topics> = Of extends Topic<infer T> ? T : Of extends readonly (infer One)[] ? One extends Topic<infer T> ? T : unknown : unknown;
type CodecFor = (topic: string) => Codec;
/** The names; what is none is left for the options' check. */
export declare function namesOf(topics: Topics): string | readonly string[];
/** The codecs, which for a topic with a schema also read the payload, and find it broken where it doesn't fit. */
export declare function codecsOf(topics: Topics, codecFor: CodecFor): CodecFor;
export declare function nameOf(topic: string | Topic): string;
export {};

// dist/consumer/consume/consumer.d.ts
import type { Broker } from '../../core/broker.ts';
import { type Clock } from '../../core/clock.ts';
import type { Codec, LogRecord } from '../../core/codec.ts';
import type { Inbox } from '../../core/inbox.ts';
import type { Logger } from '../../core/logger.ts';
import { type BatchHandler } from './handling.ts';
import type { ConsumeSettings } from './options.ts';
import { type ConsumerCounts, type ConsumerHealth, type ConsumerLag, type ConsumerResult } from './report.ts';
export interface ConsumerParts {
    readonly broker: Pick<Broker, 'openLog' | 'openProducer'>;
    readonly codecFor: (topic: string) => Codec;
    readonly logger: Logger;
    readonly clock?: Clock;
    readonly inbox: Inbox | null;
    readonly handler: BatchHandler<never, never>;
    /** The records are dead letters. @defaultValue none are */
    readonly redrive?: RedriveRange;
    /** Told when the consumer is over. */
    readonly onEnd: (consumer: Consumer) => void;
}
/** Which dead letters are given to the handler. */
interface RedriveRange {
    /** Those below, by partition. */
    readonly ends: ReadonlyMap<string, bigint>;
    readonly isWanted: (record: LogRecord) => boolean;
}
/**
 * Gives the events of topics to a handler. It runs until it is stopped.
 *
 * **Handled.** An event is handled when its handler has ended well, or when its dead letter is
 * acknowledged. A handler that throws is called again, and holds back only what waits for its event.
 * Offsets are committed only below the first event that is not handled.
 *
 * **Rebalance.** What is in hand is finished and committed before the partition goes to another
 * member, for up to `drainTimeout`; what takes longer marks nothing.
 */
export declare class Consumer implements AsyncDisposable {
    #private;
    readonly topics: readonly string[];
    readonly group: string;
    /**
     * When it has ended. Rejects with what it could not go on with: a `BrokenRecordError`, an
     * `OffsetLostError`, a `BrokerError` of what is forbidden.
     */
    readonly closed: Promise<ConsumerResult>;
    constructor(parts: ConsumerParts, settings: ConsumeSettings);
    /**
     * Gives nothing more to the handler, waits for what is in hand, commits, and leaves the group.
     * What has not ended after `timeout` milliseconds (25,000) is abandoned: it comes again. A handler
     * that stops its own consumer must not await it: that waits for the handler.
     */
    stop({ timeout }?: {
        readonly timeout?: number;
    }): Promise<ConsumerResult>;
    [Symbol.asyncDispose](): Promise<void>;
    /** Stops, for as long as `drainTimeout` lasts. */
    close(): Promise<void>;
    /** Gives nothing more to the handler until `resume`; the partitions stay this consumer's. */
    pause(): void;
    resume(): void;
    /** How far each partition of this consumer is handled, as of the last fetch. */
    lag(): readonly ConsumerLag[];
    health(): ConsumerHealth;
    counts(): ConsumerCounts;
}
export {};

// dist/core/clock.d.ts
/** Time as the parts see it: an argument, so that a test can hold it. */
export interface Clock {
    /** Wall time, milliseconds since the epoch. */
    now(): number;
    /** Milliseconds since some start, never set back; stands still while a machine is suspended. */
    monotonic(): number;
    /** Resolves after `ms`, or at once when `signal` aborts: whoever waits looks at the signal itself. */
    sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
export declare const systemClock: Clock;

// dist/consumer/consume/handling.d.ts
import type { Codec } from '../../core/codec.ts';
import { type Inbox } from '../../core/inbox.ts';
import { ReceivedEvent } from '../received-event.ts';
import type { ConsumeSettings } from './options.ts';
import type { Outcome } from './outcome.ts';
import type { Run } from './runs.ts';
/** What a handler gets beside its events. */
export interface HandlerContext<Tx = unknown> {
    /** Aborts when the handler takes longer than `timeout`, or when what it does counts no more. */
    readonly signal: AbortSignal;
    /** The inbox's transaction; `undefined` without an inbox. It is committed when the handler ends. */
    readonly tx: Tx;
    /** From 1: how often the first of the events was given to a handler here. */
    readonly attempt: number;
}
/** `T` is what `event.data` is. */
export type Handler<Tx = unknown, T = unknown> = (event: ReceivedEvent<T>, context: HandlerContext<Tx>) => unknown;
export type BatchHandler<Tx = unknown, T = unknown> = (events: readonly ReceivedEvent<T>[], context: HandlerContext<Tx>) => unknown;
export interface HandlingParts {
    readonly settings: ConsumeSettings;
    readonly codecFor: (topic: string) => Codec;
    readonly handler: BatchHandler<never, never>;
    readonly inbox: Inbox | null;
    /** The records are dead letters: each is given as the event that it was. */
    readonly isRedrive: boolean;
    readonly onDuplicates: (count: number) => void;
}
/** Makes events of records, and calls the handler with them: in the inbox's transaction, if there is one. */
export declare class Handling {
    #private;
    constructor(parts: HandlingParts);
    /** Gives no promise where the handler gives none. */
    call(run: Run): Outcome | Promise<Outcome>;
}

// dist/consumer/received-event.d.ts
import type { Broken } from './broken.ts';
import type { Delivery } from './reading/marks.ts';
/** Who is told that an event is handled. */
export interface Acknowledger {
    acknowledge(delivery: Delivery): Promise<void>;
}
/** An event as a reader gets it. Bytes of payload, key and headers are those that were sent. */
export declare class ReceivedEvent<T = unknown> {
    #private;
    readonly topic: string;
    readonly partition: number;
    readonly offset: bigint;
    /** Set where no codec could read it and `onBroken` is `deliver`: `payload` and `headers` are the record's. */
    readonly broken: Broken | undefined;
    /** The same however often the event is published; `undefined` on records of other systems that have none. */
    get uuid(): string | undefined;
    /** When it happened, as the sender said. */
    get timestamp(): Date | undefined;
    /** When it was published. */
    get publishedAt(): Date;
    /** `null` is no key; the empty string is one. */
    get key(): string | null;
    get msgType(): string;
    get mimeType(): string;
    /** In the sender's order; a name may occur more than once. */
    get headers(): readonly (readonly [name: string, value: Buffer])[];
    /** `null` is a tombstone. */
    get payload(): Buffer | null;
    /**
     * What the payload means: what the topic's schema or the codec made of it, else its JSON. Throws
     * as `json()` does, where neither had a part in it.
     */
    get data(): T;
    /** The text of the first header of this name. */
    header(name: string): string | undefined;
    /** The payload as text; empty for a tombstone. */
    text(): string;
    /** The payload as JSON; `null` for a tombstone. Throws an `EventError` where it isn't JSON. */
    json<Json = unknown>(): Json;
    /**
     * Marks it handled, whatever the loop does next. With `commit: 'message'` it resolves when that is
     * committed. After the stream has ended, or the partition has gone to another member, it does
     * nothing: the event comes again.
     */
    ack(): Promise<void>;
}

// dist/consumer/broken.d.ts
import type { DecodedEvent, LogRecord } from '../core/codec.ts';
import { BrokenRecordError } from '../core/errors.ts';
/** A record that no codec reads, as it is in the log. */
export interface BrokenRecord extends LogRecord {
    readonly topic: string;
    readonly partition: number;
    /** What the codec threw. */
    readonly cause: unknown;
}
type BrokenAnswer = 'stop' | 'deliver' | 'deadLetter';
type BrokenVerdict = BrokenAnswer | 'skip' | DecodedEvent;
/** What to do with a broken record; a function may also skip it, or read it after all. */
export type OnBroken = BrokenAnswer | ((record: BrokenRecord) => BrokenVerdict | Promise<BrokenVerdict>);
/** What to hand out in a broken record's place. */
export interface Mended {
    readonly decoded: DecodedEvent;
    readonly broken?: Broken;
}
/** Why an event is broken, and the bytes that an event has no place for. */
export interface Broken {
    /** What the codec threw. */
    readonly cause: unknown;
    readonly key: Buffer | null;
}
/** What becomes of a broken record. */
export type Judgement = ({
    readonly state: 'event';
} & Mended) | {
    readonly state: 'skip';
} | {
    readonly state: 'deadLetter';
} | {
    readonly state: 'stop';
    readonly error: BrokenRecordError;
};
/** Asks the policy. A tombstone is not broken: it has nothing to read. Throws whatever the function throws. */
export declare function judge(onBroken: OnBroken, record: BrokenRecord): Promise<Judgement>;
/** The option with its default; `call` is whose it is. */
export declare function onBrokenOf(call: string, onBroken: unknown): OnBroken;
export {};

// dist/consumer/reading/marks.d.ts
import type { TopicPartition } from '../../core/log.ts';
/** An event that was handed out. */
export interface Delivery {
    readonly of: PartitionMark;
    readonly offset: bigint;
    handled: boolean;
    /** Its place among all that were handed out of the partition. */
    at: number;
}
/**
 * How far a partition is handled: the lowest event that was handed out and is not handled, or, where
 * there is none, the position after what was handed out last. It never goes back, and it passes
 * records that no reader sees, so that the lag behind them reaches 0.
 */
export declare class PartitionMark implements TopicPartition {
    #private;
    readonly topic: string;
    readonly partition: number;
    /** Of the membership that owns it; 0 without a group. */
    generation: number;
    /** What the broker has; `null` where nothing was committed. */
    committed: bigint | null;
    /** The offset after the partition's last record, as the last fetch saw it. */
    endOffset: bigint | null;
    constructor(at: TopicPartition, start: {
        offset: bigint;
        generation: number;
    });
    /** Everything below it is handled. */
    get offset(): bigint;
    /** Events handed out at or above the mark, handled ones behind an unhandled one included. */
    get inHand(): number;
    deliver(offset: bigint): Delivery;
    /** The event is handed out: the next one of the partition, by its offset. */
    take(delivery: Delivery): void;
    /** May come in any order, and again. */
    handle(delivery: Delivery): void;
    /** It goes on from where it is: what becomes of its deliveries, done or under way, marks nothing. */
    abandon(): void;
    /** All records below `offset` were handed out, or are for no reader. */
    pass(offset: bigint): void;
}

// dist/consumer/consume/options.d.ts
import type { Inbox } from '../../core/inbox.ts';
import type { OutboxStore } from '../../core/outbox-store.ts';
import { type OnBroken } from '../broken.ts';
import { type ReadingOptions, type ReadingSettings } from '../reading/reading-options.ts';
import type { ReceivedEvent } from '../received-event.ts';
import type { Order } from './partition-work.ts';
import { type RetryOptions, type RetrySettings } from './retry.ts';
interface SharedOptions<Tx> extends Omit<ReadingOptions, 'commit'> {
    /** The consumer group: its members share the partitions. */
    readonly group: string;
    /** Most calls of the handler side by side. @defaultValue 16 */
    readonly concurrency?: number;
    /**
     * Most events of a partition between the first that is not handled and the last that was fetched,
     * at most 64 MiB of them: it bounds memory, and what comes again after a crash. @defaultValue 10000
     */
    readonly window?: number;
    /** How a failed event is tried again; it holds back only what waits for it. */
    readonly retry?: RetryOptions;
    /** A handler that takes longer, in milliseconds, is `stuck`: its signal aborts. @defaultValue 60000 */
    readonly timeout?: number;
    /**
     * Where an event goes that failed too often, or was rejected: `topic`, or `<topic>.<group>.dead`.
     * @defaultValue none: it is tried for ever
     */
    readonly deadLetter?: {
        readonly topic?: string;
    };
    /**
     * Whether later events of a dead letter's key go on, or follow it there, for as long as this
     * consumer has the partition. @defaultValue `'continue'`
     */
    readonly afterDead?: 'continue' | 'follow';
    /**
     * Handles each event once per group, in a transaction with what the handler does: `true` for the
     * store of the bus, or another store. @defaultValue none
     */
    readonly inbox?: true | Inbox<Tx> | OutboxStore<Tx>;
    /** What an event is known by in the inbox, a UUID. @defaultValue its `uuid`, else its `ce_source` and `ce_id`, else its place */
    readonly inboxKey?: (event: ReceivedEvent) => string;
    /** With `seek` and an inbox: whether what was handled before is handled again, or only what is missing. */
    readonly replay?: 'again' | 'missing';
    /**
     * What becomes of a record that no codec reads: `stop` ends the consumer before it with a
     * `BrokenRecordError`; `deliver` gives it to the handler with `broken` and its bytes;
     * `deadLetter` puts it there; a function says one of these or `'skip'`, or reads it.
     * @defaultValue `'stop'`
     */
    readonly onBroken?: OnBroken;
}
export interface ConsumeOptions<Tx = unknown> extends SharedOptions<Tx> {
    /** One at a time per key, per partition, or without any order. Events without a key have none. @defaultValue `'key'` */
    readonly order?: Order;
}
export interface ConsumeBatchesOptions<Tx = unknown> extends SharedOptions<Tx> {
    /** Most events of one call. @defaultValue 100 */
    readonly maxEvents?: number;
    /** How long the first event of a batch waits for more, in milliseconds. @defaultValue 100 */
    readonly maxWait?: number;
}
/** Whose dead letters are published again. */
export type RepublishOptions = Pick<ConsumeOptions<never>, 'group' | 'deadLetter' | 'signal'>;
export interface ConsumeSettings {
    readonly reading: ReadingSettings;
    readonly group: string;
    readonly order: Order;
    readonly maxEvents: number;
    readonly maxWait: number;
    readonly concurrency: number;
    readonly window: number;
    readonly windowBytes: number;
    readonly retry: RetrySettings;
    readonly timeout: number;
    /** `topic: null`: one for each topic. `null`: none. */
    readonly deadLetter: {
        readonly topic: string | null;
    } | null;
    readonly afterDead: 'continue' | 'follow';
    readonly inboxKey: ((event: ReceivedEvent) => string) | null;
    readonly replay: 'again' | 'missing';
    readonly onBroken: OnBroken;
}
/** The options with their defaults. Throws an `OptionError` that names the wrong one. */
export declare function consumeSettings(topics: string | readonly string[], options: ConsumeOptions<never>, call?: string): ConsumeSettings;
/**
 * To run a group's handler over its dead letters: as another group, one for each topic, as several
 * may share a topic of dead letters. The handler's inbox stays.
 */
export declare function redriveSettings(topic: string, options: ConsumeOptions<never>): ConsumeSettings;
/** As `redriveSettings`, and with its marks. */
export declare function republishSettings(topic: string, options: RepublishOptions): ConsumeSettings;
/** The options with their defaults. Throws an `OptionError` that names the wrong one. */
export declare function batchSettings(topics: string | readonly string[], options: ConsumeBatchesOptions<never>): ConsumeSettings;
export {};

// dist/consumer/reading/reading-options.d.ts
import type { Position } from '../../core/log.ts';
/**
 * Where to begin: at the first record, at what comes from now on, at the first one published at or
 * after a time, or at offsets, as positions or as `{ topic: { partition: offset } }`; partitions
 * without one begin at their first record.
 */
export type StartAt = 'earliest' | 'latest' | Date | readonly Position[] | Readonly<Record<string, Readonly<Record<number, bigint>>>>;
/** What streams and consumers have in common. */
export interface ReadingOptions {
    /**
     * The consumer group: its members share the partitions, and its committed offsets outlive them.
     * None: every event of all partitions, and nothing is committed. @defaultValue none
     */
    readonly group?: string;
    /**
     * Where to begin; with a group only where nothing is committed yet.
     * @defaultValue `'earliest'` with a group, `'latest'` without, and where `backpressure` gives events up
     */
    readonly from?: StartAt;
    /** Begin at `from` even where the group has committed something: a replay. @defaultValue false */
    readonly seek?: boolean;
    /**
     * When handled events are committed, which bounds what comes again after a crash:
     * `auto` every `commitInterval`, `batch` after each page, `message` before the next event.
     * @defaultValue `'auto'`
     */
    readonly commit?: 'auto' | 'batch' | 'message';
    /** Milliseconds between the commits of `auto`. @defaultValue 1000 */
    readonly commitInterval?: number;
    /** How long a rebalance or a stop waits for what is in hand, in milliseconds. @defaultValue 20000 */
    readonly drainTimeout?: number;
    /**
     * A member that is silent for so long is expelled from its group, in milliseconds. With
     * `kafka({ groupProtocol: 'consumer' })` the brokers say how long that is, and this is how long
     * the group waits for what is in hand at most. @defaultValue 30000
     */
    readonly sessionTimeout?: number;
    /** Ends it: what is handled is committed first. */
    readonly signal?: AbortSignal;
}
export interface ReadingSettings {
    readonly topics: readonly string[];
    readonly group: string | null;
    readonly from: 'earliest' | 'latest' | Date | readonly Position[];
    readonly seek: boolean;
    readonly commit: 'auto' | 'batch' | 'message';
    readonly commitInterval: number;
    readonly drainTimeout: number;
    readonly sessionTimeout: number;
    readonly signal: AbortSignal | null;
}
/** The longest that anything may take or wait for: a day. */
export declare const DAY_MS = 86400000;
/**
 * The options of `call`, which is `stream` or `consume`, with their defaults. Throws an
 * `OptionError` that names the wrong one. Names that it doesn't know are not its to refuse.
 */
export declare function readingSettings(call: string, topics: string | readonly string[], options: ReadingOptions & {
    readonly startsAt?: 'latest';
}): ReadingSettings;

// dist/consumer/consume/partition-work.d.ts
import type { PartitionMark } from '../reading/marks.ts';
import type { ReadPage } from '../reading/reader.ts';
import { Entry, Lane, type LanesPartition } from './entry.ts';
export type Order = 'key' | 'partition' | 'none';
/**
 * What was fetched of one partition. An event counts as in hand when it, or a later one, is given to
 * the handler: whoever gets the partition next goes on behind all of these.
 */
export declare class PartitionWork implements LanesPartition {
    #private;
    readonly mark: PartitionMark;
    readonly deadKeys: Set<string>;
    beyond: Lane[];
    constructor(mark: PartitionMark, order: Order, deadKeys?: Set<string>);
    /** Events between the mark and the position. */
    get events(): number;
    /** Bytes of the events that are not handled. */
    get bytes(): number;
    /** In the order in which they were fetched. */
    get unhandled(): Iterable<Entry>;
    distance(entry: Entry): number;
    /** Takes in the events of the page, and tells of each lane that was idle. */
    add({ page }: ReadPage, onIdle: (lane: Lane) => void): void;
    handOut(last: Entry): void;
    handled(lane: Lane): boolean;
    /** Forgets what is not in hand. */
    keepInHand(): void;
}

// dist/consumer/reading/reader.d.ts
import type { Clock } from '../../core/clock.ts';
import type { LogClient, Page } from '../../core/log.ts';
import type { Logger } from '../../core/logger.ts';
import type { Health } from './health.ts';
import type { PartitionMark } from './marks.ts';
import type { ReadingSettings } from './reading-options.ts';
/** What a fetch brought of one partition, for as long as `epoch` is the reader's. */
export interface ReadPage {
    readonly mark: PartitionMark;
    readonly page: Page;
    readonly epoch: number;
}
export interface ReaderParts {
    readonly client: LogClient;
    readonly settings: ReadingSettings;
    readonly logger: Logger;
    readonly clock: Clock;
    readonly health: Health;
    /** There are pages to take, or it failed. */
    readonly onReady: () => void;
    /** What was taken before is void; `draining`: what is in hand may finish, `over`: no longer. */
    readonly onEpoch?: (what: 'draining' | 'over') => void;
    /** Whether a partition is not to be fetched for now. @defaultValue as many events in hand as fit the window */
    readonly isFull?: (mark: PartitionMark) => boolean;
}
/**
 * Reads the partitions that are this reader's, one fetch ahead: the pages of one fetch are in hand,
 * those of the next are in flight or wait to be taken. Then fetching stops: the broker is the buffer.
 */
export declare class Reader {
    #private;
    private constructor();
    /** Starts to read. */
    static start(parts: ReaderParts): Reader;
    /** What was fetched and taken belongs to this epoch, or to none any more. */
    get epoch(): number;
    /** `null` where what was fetched may be handed out; else the group is to be heard first. */
    heard(): Promise<void> | null;
    marks(): Iterable<PartitionMark>;
    /** The pages that were fetched, or `null`. Taking them starts the next fetch. Throws what ended the reading. */
    take(): ReadPage[] | null;
    /** A mark may have moved. */
    progressed(): void;
    /** Commits what is handled. */
    commit(): Promise<void>;
    /** Resolves when nothing is in hand, or when `signal` aborts. */
    drained(signal: AbortSignal): Promise<void>;
    /** Commits what is handled, for as long as `patience` lasts, leaves the group and closes the client. */
    close(patience: AbortSignal): Promise<void>;
}

// dist/consumer/reading/health.d.ts
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
export interface StreamHealth {
    /**
     * `starting` until the first partitions are assigned, `rebalancing` while the group gathers,
     * `reconnecting` while the broker can't be reached, `stopped` once the stream is over.
     */
    readonly state: 'starting' | 'running' | 'rebalancing' | 'reconnecting' | 'stopped';
    /** When it came into this state. */
    readonly since: Date;
}
type Phase = Exclude<StreamHealth['state'], 'reconnecting'>;
/** What asks the broker on its own: an outage is over when each of them got an answer again. */
export type Asking = 'reading' | 'group' | 'commit';
/**
 * How a reader is. An outage is reported once when it begins, and once when it is over. Who gave up
 * asking, as a rebalance makes a commit do, may never ask again: any answer to another is then its
 * answer, too.
 */
export declare class Health {
    #private;
    constructor(parts: {
        clock: Clock;
        logger: Logger;
        name: string;
    });
    /** Whose it is, for the log. */
    get name(): string;
    get current(): StreamHealth;
    enter(phase: Phase): void;
    unanswered(asking: Asking, error: unknown): void;
    gaveUp(asking: Asking): void;
    answered(asking: Asking): void;
}
export {};

// dist/consumer/consume/entry.d.ts
import type { LogRecord } from '../../core/codec.ts';
import type { Mended } from '../broken.ts';
import type { Delivery, PartitionMark } from '../reading/marks.ts';
import { Queue } from './queue.ts';
/** A record that was fetched and is not handled. It is its own delivery: there is one per event. */
export declare class Entry implements Delivery {
    readonly lane: Lane;
    readonly offset: bigint;
    record: LogRecord;
    readonly bytes: number;
    /** Counts the events of its partition. */
    readonly number: number;
    /** What is handed out for it, once it was read. */
    decoded: Mended | null;
    /** It, or one behind it in its partition, was handed out. */
    isInHand: boolean;
    handled: boolean;
    at: number;
    /** Where the mark may go when it is in hand: its page ends with it. */
    end: bigint | null;
    /** Another has the partition, or the consumer has ended: what becomes of it counts no more. */
    isAbandoned: boolean;
    /** By the clock, when it was first given to the handler; `null` where that did not last. */
    beganAt: number | null;
    attempts: number;
    /** By `clock.monotonic`: when its next attempt comes. */
    dueAt: number;
    firstFailedAt: number;
    lastFailedAt: number;
    constructor(lane: Lane, record: LogRecord, number: number);
    get of(): PartitionMark;
    get topic(): string;
    get partition(): number;
    /** Where it is, for messages and maps. */
    get place(): string;
    get key(): string | null;
    /** The key in whose order it is, whatever else its lane holds; `null` where it is in none. */
    get orderKey(): string | null;
    /** Takes its bytes out of the page that they lie in: it may wait for long, the page need not. */
    detach(): void;
    /** Counts a failure. */
    failed(now: number): void;
}
/** The partition that a lane is of. */
export interface LanesPartition {
    readonly mark: PartitionMark;
    /** Keys whose later events follow a dead one. */
    readonly deadKeys: Set<string>;
    /** Lanes that wait until the mark is nearer. */
    beyond: Lane[];
    /** How many events lie between the first that is not handled and this one. */
    distance(entry: Entry): number;
    /** The event, and all before it, are in hand. */
    handOut(last: Entry): void;
    /** The first event of the lane is handled; whether it was the partition's first, too. */
    handled(lane: Lane): boolean;
}
/**
 * Events that wait for each other, in offset order: those of a key, or of a partition.
 * `idle`: it has none, or waits for more of them; `ready`: its first may start; `busy`: it runs;
 * `waiting`: for its next attempt, or for a dead letter to be written.
 */
export declare class Lane {
    readonly of: LanesPartition;
    /** As the partition knows it; `null` for an event without order. */
    readonly key: string | null;
    readonly entries: Queue<Entry>;
    state: 'idle' | 'ready' | 'busy' | 'waiting';
    /** How many of the next ones are given one by one, to find the one that fails. */
    singles: number;
    /** It waits for a batch to fill. */
    isFilling: boolean;
    /** It waited long enough for a batch to fill. */
    isDue: boolean;
    constructor(of: LanesPartition, key: string | null);
}

// dist/consumer/consume/queue.d.ts
/** First in, first out, however long it is: an array's own `shift` moves all the others. */
export declare class Queue<T> {
    #private;
    constructor(items?: T[]);
    get length(): number;
    get first(): T | undefined;
    get last(): T | undefined;
    push(item: T): void;
    shift(): T | undefined;
    pop(): T | undefined;
    /** The first ones, at most so many; they stay. */
    peek(count: number): T[];
}

// dist/consumer/consume/retry.d.ts
export interface RetryOptions {
    /**
     * How often an event is tried before it is a dead letter or, where there is no `deadLetter`,
     * before the consumer says `blocked` and goes on trying. @defaultValue 5
     */
    readonly attempts?: number;
    readonly backoff?: {
        /** The wait after the first failure, in milliseconds. @defaultValue 100 */
        readonly first?: number;
        /** How much longer each wait is than the one before. @defaultValue 2 */
        readonly factor?: number;
        /** The longest wait, in milliseconds. @defaultValue 30000 */
        readonly max?: number;
        /** The part of a wait that is random, 0 to 1. @defaultValue 0.2 */
        readonly jitter?: number;
    };
}
export interface RetrySettings {
    readonly attempts: number;
    /** The wait after so many failures, in milliseconds. */
    readonly waitMs: (failures: number) => number;
}
export declare function retrySettings(call: string, options?: RetryOptions): RetrySettings;

// dist/consumer/consume/outcome.d.ts
/** What became of a call of the handler; `count` events from the first one were given to it. */
export type Outcome = {
    readonly state: 'handled';
    readonly count: number;
} | Failed
/** The inbox's database is away: no event's fault. */
 | {
    readonly state: 'away';
    readonly error: unknown;
}
/** The first one is passed over, as `onBroken` said. */
 | {
    readonly state: 'skipped';
}
/** To be a dead letter, without an attempt. */
 | {
    readonly state: 'dead';
    readonly error: unknown;
}
/** The consumer can't go on. */
 | {
    readonly state: 'over';
    readonly error: unknown;
};
export interface Failed {
    readonly state: 'failed';
    readonly error: unknown;
    readonly count: number;
    /** What was done for those before the failed one is undone. */
    readonly isUndone?: boolean;
}

// dist/consumer/consume/runs.d.ts
import type { Clock } from '../../core/clock.ts';
import type { Entries } from './backlog.ts';
import type { Entry } from './entry.ts';
/** A call of the handler. */
export declare class Run {
    #private;
    readonly entries: Entries;
    /** By `clock.monotonic` and `clock.now`, when the handler gave a promise. */
    start: number;
    startedAt: number;
    isStuck: boolean;
    constructor(entries: Entries);
    /** Resolves when the handler's promise is settled. */
    get ended(): Promise<void>;
    /** Made only for handlers that look at it: it costs more than an event. */
    get signal(): AbortSignal;
    abort(reason: string): void;
    end(): void;
}
export interface RunsParts {
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly onStuck: (run: Run) => void;
}
/** The calls whose handler gave a promise that is not settled. All have the same time, so the oldest is the next to be over it. */
export declare class Runs {
    #private;
    constructor(parts: RunsParts);
    /** How long a call may take. */
    get timeoutMs(): number;
    get size(): number;
    get stuck(): Run | undefined;
    begin(run: Run): void;
    end(run: Run): void;
    /** Their signals abort; they go on beside what is started from now on. Gives how many events. */
    abandon(): number;
    /** The call that was abandoned with this event, where it has not ended. */
    abandonedWith(entry: Entry): Run | undefined;
    /** Nothing is watched any longer. */
    close(): void;
}

// dist/consumer/consume/backlog.d.ts
import type { PartitionMark } from '../reading/marks.ts';
import type { ReadPage } from '../reading/reader.ts';
import type { Entry, Lane } from './entry.ts';
import { type Order, PartitionWork } from './partition-work.ts';
export interface BacklogLimits {
    readonly order: Order;
    /** Most events of a partition. */
    readonly window: number;
    readonly windowBytes: number;
    /** Most events of one call. */
    readonly batch: number;
    /** Told of a lane that has fewer, and is to be offered again when it waited for long enough. */
    readonly onPartial: (lane: Lane) => void;
}
export type Entries = readonly [Entry, ...Entry[]];
/** What was fetched and is not handled, and which of it may start next. */
export declare class Backlog {
    #private;
    constructor(limits: BacklogLimits);
    get works(): Iterable<PartitionWork>;
    /** How many calls of the handler may start. */
    get ready(): number;
    of(mark: PartitionMark): PartitionWork | undefined;
    isFull(mark: PartitionMark): boolean;
    add(page: ReadPage): void;
    /** The lane may go on. */
    offer(lane: Lane): void;
    /** Hands out what is to be handled next by one call. */
    take(): Entries | null;
    /** The first event of the lane is handled. */
    handled(lane: Lane): void;
    /** Forgets what is not in hand; what is goes on. */
    keepInHand(): void;
    /** Forgets all. */
    abandon(): void;
}

// dist/consumer/consume/report.d.ts
import type { StreamHealth } from '../reading/health.ts';
import { type PartitionLag } from '../reading/lag.ts';
import type { PartitionMark } from '../reading/marks.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { HeldEvent } from './troubles.ts';
export interface ConsumerHealth {
    /**
     * A stream's states, and: `paused` by `pause()`, `blocked` where an event fails again and again,
     * `stuck` where a handler does not end. `reconnecting` where the inbox's database is away, too.
     */
    readonly state: StreamHealth['state'] | 'paused' | 'blocked' | 'stuck';
    /** When it came into this state. */
    readonly since: Date;
    /** Which event it is that is blocked or stuck. */
    readonly event: HeldEvent | null;
}
export interface ConsumerLag extends PartitionLag {
    /** Since when the first event that is not handled lies there; `null` where none is known. */
    readonly oldest: Date | null;
}
/** What a consumer has done so far. */
export interface ConsumerCounts {
    /** Events that were handled, duplicates and skipped ones included. */
    readonly handled: number;
    /** Events that became dead letters. */
    readonly dead: number;
    /** Records that no codec reads, and that `onBroken` said to skip. */
    readonly skipped: number;
    /** Events that the inbox knew, and that were not given to the handler. */
    readonly duplicates: number;
}
/** What a consumer did. */
export interface ConsumerResult extends ConsumerCounts {
    /** Events whose handler had not ended when the consumer did: they come again. */
    readonly abandoned: number;
}
/** How a consumer is: what keeps it from handling anything first. */
export declare function healthOf(reading: StreamHealth, { runs, troubles }: Pick<Dispatcher, 'runs' | 'troubles'>, pausedSince: Date | null): ConsumerHealth;
/** How far a partition is handled. */
export declare function lagOf(mark: PartitionMark, { backlog }: Pick<Dispatcher, 'backlog'>): ConsumerLag;

// dist/consumer/reading/lag.d.ts
import type { PartitionMark } from './marks.ts';
/** How far one partition is read. */
export interface PartitionLag {
    readonly topic: string;
    readonly partition: number;
    /** Everything below it is handled. */
    readonly mark: bigint;
    /** Records between the mark and the end of the partition; `null` before the first fetch. */
    readonly lag: bigint | null;
}
export declare function partitionLag({ topic, partition, offset, endOffset }: PartitionMark): PartitionLag;

// dist/consumer/consume/dispatcher.d.ts
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { Backlog } from './backlog.ts';
import type { DeadLetters } from '../dead-letters.ts';
import type { ConsumeSettings } from './options.ts';
import type { Outcome } from './outcome.ts';
import { Run, Runs } from './runs.ts';
import { Troubles } from './troubles.ts';
export interface DispatcherParts {
    readonly settings: ConsumeSettings;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly name: string;
    readonly deadLetters: Pick<DeadLetters, 'send'> | null;
    /** Calls the handler. What it gives is no promise where the handler's result is none. */
    readonly call: (run: Run) => Outcome | Promise<Outcome>;
    /** `null` where the partitions are certainly this consumer's; else the group is to be heard first. */
    readonly heard: () => Promise<void> | null;
    /** A mark may have moved, or there is room for more. */
    readonly onProgress: () => void;
    readonly onOver: (error: unknown) => void;
}
/**
 * Gives events to the handler: one at a time of a lane, `concurrency` of them side by side.
 *
 * An event that fails waits in its lane, and takes no place of the others. While it drains (the
 * group takes the partitions, or the consumer stops) it starts only what is in hand already, because
 * a later event of the partition was handed out; an event that is blocked is let go.
 *
 * A handler that gives no promise has handled its event when it returns: the next one follows at
 * once, and what was handled is told of once for all of them.
 */
export declare class Dispatcher {
    #private;
    readonly backlog: Backlog;
    readonly runs: Runs;
    readonly troubles: Troubles;
    constructor(parts: DispatcherParts);
    get handled(): number;
    get dead(): number;
    get skipped(): number;
    /** Whether it could start more calls than it has events for. */
    get isHungry(): boolean;
    pause(): void;
    resume(): void;
    /** Starts what may start. */
    start(): void;
    /** From now on only what is in hand is finished. */
    drain(): void;
    /** Nothing that was fetched is this consumer's any more. Gives how many events were with the handler. */
    abandon(): number;
    close(): void;
}

// dist/consumer/dead-letters.d.ts
import type { Broker } from '../core/broker.ts';
import type { LogRecord, WireRecord } from '../core/codec.ts';
import type { Logger } from '../core/logger.ts';
import type { BrokenRecord } from './broken.ts';
/** Where an event came from that is a dead letter. */
export interface Provenance {
    readonly topic: string;
    readonly partition: number;
    readonly offset: bigint;
    readonly timestamp: number;
    /** The group that gave it up. */
    readonly group: string | undefined;
}
/** The topic of a group's dead letters. */
export declare function deadLetterTopic(topic: string, group: string): string;
/** A record that is to be a dead letter, and what is known of its failures. */
export interface Letter {
    readonly topic: string;
    readonly partition: number;
    readonly record: LogRecord;
    readonly attempts: number;
    readonly firstFailedAt: number;
    readonly lastFailedAt: number;
}
export interface DeadLettersParts {
    readonly broker: Pick<Broker, 'openProducer'>;
    readonly logger: Logger;
    readonly group: string;
    /** For all topics; `null`: one for each. */
    readonly topic: string | null;
    /** The records are dead letters already: those that fail again keep where they came from. */
    readonly isRedrive: boolean;
}
/**
 * Writes a group's dead letters: value, key and headers as they were, and behind these where it came
 * from and why. It connects with the first one.
 */
export declare class DeadLetters {
    #private;
    constructor(parts: DeadLettersParts);
    /** Resolves when all replicas have it. */
    send(letter: Letter, error: unknown): Promise<void>;
    /** Resolves when all replicas have a record that no codec reads. */
    sendBroken({ topic, partition, ...record }: BrokenRecord, reason: unknown): Promise<void>;
    /** What is under way rejects. */
    close(): void;
}
/** Where a dead letter came from; `null` for a record that is none. */
export declare function provenanceOf({ headers }: Pick<WireRecord, 'headers'>): Provenance | null;
/** The headers that the record had before it became a dead letter. */
export declare function ownHeaders({ headers }: Pick<WireRecord, 'headers'>): WireRecord['headers'];

// dist/consumer/consume/troubles.d.ts
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { Entry } from './entry.ts';
import type { Run } from './runs.ts';
/** The event that holds a consumer up. */
export interface HeldEvent {
    readonly topic: string;
    readonly partition: number;
    readonly offset: bigint;
    readonly key: string | null;
    /** Failures so far. */
    readonly attempts: number;
    /** Since it was first given to the handler. */
    readonly ageMs: number;
    /** What it fails with; `null` where the handler has not ended. */
    readonly reason: string | null;
}
export interface TroublesParts {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly name: string;
}
/** What holds a consumer up: each is reported once when it begins, and once when it is over, unless there are too many. */
export declare class Troubles {
    #private;
    constructor(parts: TroublesParts);
    /** The event that is blocked for the longest time. */
    get firstBlocked(): {
        readonly since: Date;
        readonly event: HeldEvent;
    } | null;
    /** Since when the inbox's database is away. */
    get awaySince(): Date | null;
    has(entry: Entry): boolean;
    describe(entry: Entry, reason: string | null): HeldEvent;
    failed(entry: Entry, error: unknown): void;
    blocked(entry: Entry, error: unknown): void;
    /** The consumer ends before the event, and says so itself. */
    ended(entry: Entry, error: unknown): void;
    cured(entry: Entry): void;
    buried(entry: Entry, error: unknown): void;
    stuck(run: Run): void;
    unstuck(run: Run): void;
    inboxIsAway(error: unknown): void;
    inboxIsBack(): void;
    /** The events are another's, and what they waited for is: nothing may come here that would end it. */
    forgetEvents(): void;
}

// dist/consumer/stream/event-stream.d.ts
import type { Readable } from 'node:stream';
import type { Broker } from '../../core/broker.ts';
import type { Clock } from '../../core/clock.ts';
import type { Codec } from '../../core/codec.ts';
import type { Logger } from '../../core/logger.ts';
import { type DeadLetter } from './broken-records.ts';
import { type StreamCounts } from './counts.ts';
import { type StreamHealth } from '../reading/health.ts';
import { type PartitionLag } from '../reading/lag.ts';
import type { StreamOptions } from './options.ts';
import type { ReceivedEvent } from '../received-event.ts';
export interface StreamParts {
    readonly broker: Pick<Broker, 'openLog'>;
    readonly codecFor: (topic: string) => Codec;
    readonly logger: Logger;
    readonly clock?: Clock;
    /** Where records go that `onBroken` makes dead letters. */
    readonly deadLetter?: DeadLetter;
    /** Told when the stream is over. */
    readonly onEnd?: () => void;
}
/**
 * The events of topics, for one `for await`. It starts with the first `next()`.
 *
 * **Handled.** Asking for the next event marks those before it handled. Leaving the loop in any way
 * (`break`, `return`, `throw`) does not: the event in hand comes again, unless `await event.ack()`
 * said otherwise. Offsets are committed only below the first event that is not handled.
 *
 * **Ends.** `break`, `signal`, `unsubscribe` and `close` commit what is handled, leave the group and
 * close the connections. An outage of the broker never ends the loop, and an unknown topic is
 * waited for. `next()` throws where no waiting helps: a `BrokerError` of what is forbidden or
 * misconfigured, an `OffsetLostError`, a `BrokenRecordError`.
 */
export declare class EventStream<T = unknown> implements AsyncIterableIterator<ReceivedEvent<T>>, AsyncDisposable {
    #private;
    readonly topics: readonly string[];
    readonly group: string | null;
    constructor(parts: StreamParts, topics: string | readonly string[], options?: StreamOptions);
    [Symbol.asyncIterator](): this;
    /**
     * The events as a `Readable` of objects, for pipelines. It reads ahead, so acks are manual,
     * whatever `ack` says: only `await event.ack()` marks an event handled. Destroying it ends the stream.
     */
    readable(): Readable;
    /** The next event; everything handed out before is handled by that, unless acks are manual. */
    next(): Promise<IteratorResult<ReceivedEvent<T>, undefined>>;
    /** Ends the stream at once; what is in hand is not handled, and comes again. */
    return(): Promise<IteratorResult<ReceivedEvent<T>, undefined>>;
    /**
     * Hands nothing more out, lets what is in hand finish for `drainTimeout`, and ends the stream.
     *
     * The loop's own body may call it. The event in hand can't be waited for then, so that the call,
     * awaited or not, hands it back, as `break` does, whatever `commit` says: it is not handled and
     * comes again, also where the body finishes it afterwards. Those before it are handled: with
     * `'message'` they were committed before it came, with `'auto'` and `'batch'` that is done here.
     * `await event.ack()` before says that it is handled, too: `'message'` commits it at once, the
     * others commit it here. With manual acks only `ack()` ends the wait.
     *
     * To end behind the event in hand from within the loop, abort the `signal`, or call
     * `unsubscribe` or the bus's `close` without awaiting them there: they wait for that event.
     */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
    /** How far each partition of this stream is read, as of the last fetch. */
    lag(): readonly PartitionLag[];
    /** What became of records that were not handed out as they are. */
    counts(): StreamCounts;
    health(): StreamHealth;
}

// dist/consumer/stream/broken-records.d.ts
import { type BrokenRecord, type Mended, type OnBroken } from '../broken.ts';
import type { Counting } from './counts.ts';
import { type Patience } from '../reading/patience.ts';
/** Resolves when all replicas have the dead letter. */
export type DeadLetter = (record: BrokenRecord, reason: unknown) => Promise<void>;
export interface BrokenRecordsParts {
    readonly onBroken: OnBroken;
    readonly deadLetter: DeadLetter | undefined;
    readonly patience: Patience;
    readonly counts: Counting;
}
/** Settles a stream's broken records. */
export declare class BrokenRecords {
    #private;
    constructor(parts: BrokenRecordsParts);
    /**
     * What is handed out in its place; `null` where it is passed over: skipped, or a dead letter that
     * the broker has. Rejects with the `BrokenRecordError` where it stops the stream, with whatever
     * the function throws, and with the reason why it can't become a dead letter.
     */
    settle(record: BrokenRecord, signal: AbortSignal): Promise<Mended | null>;
}
/** Throws where a dead letter would have nowhere to go. */
export declare function requireDeadLetters(onBroken: OnBroken, deadLetter: DeadLetter | undefined): void;

// dist/consumer/stream/counts.d.ts
/** What became of records other than being handed out as they are, since the stream began. */
export interface StreamCounts {
    /** Thrown away by `backpressure: 'drop'`. */
    readonly dropped: number;
    /** Replaced by a newer one under `backpressure: 'latest'`. */
    readonly replaced: number;
    /** Records that no codec could read, whatever became of them. */
    readonly broken: number;
    /** Broken ones that `onBroken` said to skip. */
    readonly skipped: number;
    /** Broken ones that are dead letters now. */
    readonly deadLettered: number;
}
export type Counting = {
    -readonly [K in keyof StreamCounts]: StreamCounts[K];
};
export declare function noCounts(): Counting;

// dist/consumer/reading/patience.d.ts
import type { Clock } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Asking, Health } from './health.ts';
export interface Question {
    readonly asking: Asking;
    /** Ends the waiting: the reason is thrown. */
    readonly signal: AbortSignal;
    /** Thrown at once: the caller has its own answer to it. */
    readonly except?: BrokerError['kind'];
}
/** Asks the broker again for as long as waiting may help, further and further apart. */
export declare class Patience {
    #private;
    constructor(clock: Clock, health: Health);
    ask<T>(question: Question, work: () => Promise<T>): Promise<T>;
}
/** Whether it may be over when it is tried again: an outage, a topic that is not there yet. */
export declare function mayPass(error: unknown): error is BrokerError;
/** What `work` comes to, or the signal's reason where that is first; `work` then ends unheard. */
export declare function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T>;

// dist/consumer/stream/options.d.ts
import { type Backpressure, type BackpressureSettings } from './backpressure.ts';
import { type OnBroken } from '../broken.ts';
import { type ReadingOptions, type ReadingSettings } from '../reading/reading-options.ts';
export interface StreamOptions extends ReadingOptions {
    /** `loop`: asking for the next event marks those before it handled. `manual`: only `event.ack()` does. @defaultValue `'loop'` */
    readonly ack?: 'loop' | 'manual';
    /** What happens while the reader is slower than the topic. @defaultValue `'pause'` */
    readonly backpressure?: Backpressure;
    /**
     * What becomes of a record that no codec reads: `stop` ends the stream before it with a
     * `BrokenRecordError`; `deliver` hands it out with `broken` and its bytes; `deadLetter` puts it
     * into the group's dead letters; a function says one of these or `'skip'`, or reads it.
     * @defaultValue `'stop'`
     */
    readonly onBroken?: OnBroken;
}
export interface StreamSettings extends ReadingSettings {
    readonly ack: 'loop' | 'manual';
    readonly backpressure: BackpressureSettings;
    readonly onBroken: OnBroken;
}
/** The options with their defaults. Throws an `OptionError` that names the wrong one. */
export declare function streamSettings(topics: string | readonly string[], options?: StreamOptions): StreamSettings;

// dist/consumer/stream/backpressure.d.ts
import type { LogRecord } from '../../core/codec.ts';
/** An event that was given up, undecoded. */
interface DroppedRecord extends LogRecord {
    readonly topic: string;
    readonly partition: number;
}
/** Called for each event that is given up. What it throws ends the stream. */
type OnDrop = (record: DroppedRecord) => void;
type Strategy = 'pause' | 'buffer' | 'error' | 'drop' | 'latest';
/**
 * What happens while the reader is slower than the topic.
 * - `pause`: fetching stops, the broker is the buffer. At most two fetches are in memory.
 * - `buffer`: reads ahead to about `maxBytes` (64 MiB), then pauses.
 * - `error`: once more than `maxEvents` (128) wait, these are handed out, and then `next()` throws a
 *   `BackpressureError`. A new stream of the group begins at the first unhandled event.
 * - `drop`: while `maxEvents` (128) wait, what arrives is thrown away. It counts as handled once
 *   all before it are.
 * - `latest`: one event waits, and a newer one takes its place; with `by: 'key'` one for each key,
 *   events without a key counting as of one. What was replaced counts as handled. The events that
 *   wait are handed out in rounds: what a round has begun with, nothing replaces, so that a key
 *   that never rests gets its turn.
 *
 * The upper-case names are those of other event buses; `MISSING` is `pause`.
 */
export type Backpressure = Strategy | 'MISSING' | 'BUFFER' | 'ERROR' | 'DROP' | 'LATEST' | {
    readonly strategy: 'pause';
} | {
    readonly strategy: 'buffer';
    readonly maxBytes?: number;
} | {
    readonly strategy: 'error';
    readonly maxEvents?: number;
} | {
    readonly strategy: 'drop';
    readonly maxEvents?: number;
    readonly onDrop?: OnDrop;
} | {
    readonly strategy: 'latest';
    readonly by?: 'key';
    readonly onDrop?: OnDrop;
};
export type BackpressureSettings = {
    readonly strategy: 'pause';
} | {
    readonly strategy: 'buffer';
    readonly maxBytes: number;
} | {
    readonly strategy: 'error';
    readonly maxEvents: number;
} | {
    readonly strategy: 'drop';
    readonly maxEvents: number;
    readonly onDrop: OnDrop;
} | {
    readonly strategy: 'latest';
    readonly by: 'key' | null;
    readonly onDrop: OnDrop;
};
export declare const MAX_WAITING_BYTES: number;
/** The option with its defaults. Throws an `OptionError` where the strategy takes no such option. */
export declare function backpressureOf(given?: unknown): BackpressureSettings;
/** Whether it gives events up: on a backlog nearly all of them. */
export declare function givesUp({ strategy }: BackpressureSettings): boolean;
export {};

// dist/operations/operations.d.ts
import type { Headers } from '../core/event.ts';
import type { OutboxStore } from '../core/outbox-store.ts';
import type { DecisionResult, RequeueOptions, RequeueResult } from './acting.ts';
import { type AuditRecord } from './audit.ts';
import { type BlockedKeyInfo, type HeldEventInfo } from './blocked-keys.ts';
import { type BulkOptions, type BulkResult } from './bulk.ts';
import type { DeadGroup, DeadLetterInfo, RequeuePreview } from './dead-letters.ts';
import { type OperationsFilter } from './filters.ts';
import { type ExplainOptions } from './explain.ts';
import type { Explanation } from './explanation.ts';
import type { Status, StatusOptions } from './status-report.ts';
/** A dead letter with what it carries. */
export interface WholeDeadLetter extends DeadLetterInfo {
    readonly mimeType: string;
    readonly headers: Headers;
    readonly payload: Buffer | null;
}
/**
 * What operators look at and decide about: events that were refused for good, and keys that wait for
 * one. An action freezes what it is about, runs in chunks, and writes to the audit, in the
 * transaction of each chunk, who did it and why. Methods throw an `OptionError`, a
 * `SchemaVersionError` or a `StoreError`.
 *
 * @example
 * const { letters, newer } = await bus.operations.previewRequeue({ topic: 'invoices' })
 * await bus.operations.requeue({ topic: 'invoices' }, { actor: 'ada', reason: 'INC-2291' })
 */
export declare class Operations {
    #private;
    /** `onActed` is called behind each chunk that was acted on. */
    constructor(store: OutboxStore, onActed: () => void);
    /**
     * What became of an event, and what holds it: the first thing on its way that does. It only reads,
     * and each of its questions is short.
     */
    why(uuid: string, options?: ExplainOptions): Promise<Explanation>;
    /** How the outbox does: what waits, how fast it goes, and what is wrong. Counts end at a cap. */
    status(options?: StatusOptions): Promise<Status>;
    /** Dead letters, in the order in which they were sent. */
    deadLetters(filter?: OperationsFilter): AsyncGenerator<DeadLetterInfo, void>;
    /** A dead letter with what it carries, `null` where none has this uuid. */
    deadLetter(uuid: string): Promise<WholeDeadLetter | null>;
    /** Dead letters by topic and by what their errors have in common, the largest groups first. */
    deadGroups(filter?: OperationsFilter): Promise<readonly DeadGroup[]>;
    /**
     * What `requeue` would do; changes nothing. `searchMs` is how long to look for newer events of the
     * same keys. @defaultValue 5000
     */
    previewRequeue(filter: OperationsFilter, options?: {
        readonly searchMs?: number;
    }): Promise<RequeuePreview>;
    /**
     * Has dead letters published again, as the events that they were, behind what their keys have
     * published since; the header `oncommit-redelivered` counts it. To repeat it does nothing more:
     * what is requeued is no dead letter.
     */
    requeue(filter: OperationsFilter, options: RequeueOptions): Promise<RequeueResult>;
    /** Gives up dead letters for good: their keys have a gap. To repeat it does nothing more. */
    discard(filter: OperationsFilter, options: BulkOptions): Promise<DecisionResult>;
    /** Keys, keyless events and topics that are blocked, retrying or draining, in the order in which they were blocked. */
    blockedKeys(filter?: OperationsFilter): AsyncGenerator<BlockedKeyInfo, void>;
    /** The first events that blocked keys hold, `limit` in all. @defaultValue 100 */
    held(filter?: OperationsFilter, limit?: number): Promise<readonly HeldEventInfo[]>;
    /**
     * Lets keys that are blocked or retrying go on now, with their heads, as if these had never been
     * refused. Topics are left out: they go on when the broker takes them.
     */
    release(filter: OperationsFilter, options: BulkOptions): Promise<BulkResult>;
    /** Gives up the heads of keys that are blocked or retrying, for good: what waits behind them goes on. */
    discardHeads(filter: OperationsFilter, options: BulkOptions): Promise<BulkResult>;
    /**
     * Gives up held events for good, wherever they wait with their keys. One that is on its way to the
     * broker at this moment may still be published.
     */
    discardHeld(uuids: readonly string[], options: BulkOptions): Promise<DecisionResult>;
    /** Which of some events are held, and so can be discarded by `discardHeld`. */
    whichAreHeld(uuids: readonly string[]): Promise<readonly string[]>;
    /** What was done, the newest first: an entry for each transaction. `limit` entries. @defaultValue 100 */
    audit(limit?: number): Promise<readonly AuditRecord[]>;
}

// dist/operations/acting.d.ts
import type { OperatorFilter, OutboxOperations } from '../core/outbox-operations.ts';
import { type Decision } from './audit.ts';
import { type BulkOptions, type BulkResult } from './bulk.ts';
export interface RequeueOptions extends BulkOptions {
    /** Leaves out keys that have published events which were sent after their dead letters. @defaultValue false */
    readonly onlyInOrder?: boolean;
}
/** What became of an action on events. */
export interface DecisionResult extends BulkResult {
    /** Of the uuids of the filter: not found, since they were decided about before. */
    readonly before: readonly Decision[];
    /** Of the uuids of the filter: neither found, nor ever decided about. */
    readonly missing: readonly string[];
}
export interface RequeueResult extends DecisionResult {
    /** Of `done`: they wait with a key that is blocked or retrying. */
    readonly waiting: number;
}
export declare function requeueLetters(operations: OutboxOperations, filter: OperatorFilter, options: RequeueOptions): Promise<RequeueResult>;
export declare function discardLetters(operations: OutboxOperations, filter: OperatorFilter, options: BulkOptions): Promise<DecisionResult>;
export declare function releaseKeys(operations: OutboxOperations, filter: OperatorFilter, options: BulkOptions): Promise<BulkResult>;
export declare function discardHeads(operations: OutboxOperations, filter: OperatorFilter, options: BulkOptions): Promise<BulkResult>;
/** Discards events that are held, by uuids that were found and by all that were asked for. */
export declare function discardHeldEvents(operations: OutboxOperations, { found, uuids }: {
    found: ReadonlyMap<string, bigint>;
    uuids: readonly string[];
}, options: BulkOptions): Promise<DecisionResult>;

// dist/operations/audit.d.ts
import type { AuditEntry, OutboxOperations } from '../core/outbox-operations.ts';
/** What one transaction of an action did. Those of one action share `bulk`. */
export interface AuditRecord extends Omit<AuditEntry, 'id'> {
    readonly number: number;
}
/** What was decided about an event before. */
export interface Decision extends Pick<AuditEntry, 'action' | 'at' | 'actor' | 'reason'> {
    readonly uuid: string;
}
export declare function recordsOf(entries: readonly AuditEntry[]): readonly AuditRecord[];
/** The last decision about each of some events, and those about which there was none. */
export declare function decisions(operations: OutboxOperations, uuids: readonly string[]): Promise<{
    before: readonly Decision[];
    missing: readonly string[];
}>;

// dist/operations/bulk.d.ts
import type { ChunkOf, Done, Page } from '../core/outbox-operations.ts';
/** Who acts, why, and how. */
export interface BulkOptions {
    /** Who acts: for the audit. */
    readonly actor: string;
    /** Why: for the audit. */
    readonly reason: string;
    /** Only what was there by this time, to the millisecond. @defaultValue now */
    readonly upTo?: Date;
    /** Stops it behind the chunk that is under way. */
    readonly signal?: AbortSignal;
    /** How many one transaction acts on. @defaultValue 500 */
    readonly chunk?: number;
    /** Called behind each chunk. */
    readonly onProgress?: (progress: BulkProgress) => void;
}
export interface BulkProgress {
    /** How many the filter has found. */
    readonly matched: number;
    /** How many of these were acted on. */
    readonly done: number;
    /** How many someone else had decided about in between. */
    readonly already: number;
}
export interface BulkResult extends BulkProgress {
    /** What its entries in the audit have in common. */
    readonly bulk: string;
    /** It was stopped: there may be more. */
    readonly aborted: boolean;
}
export declare function checkBulkOptions(options: BulkOptions, more?: readonly string[]): void;
interface Bulk<T> {
    /** For the audit. */
    readonly filter: object;
    /** What is acted on, from an id on. */
    readonly page: (after: bigint, limit: number) => Promise<Page<T>>;
    /** What of it is left out, and counted nowhere. @defaultValue nothing */
    readonly except?: (item: T) => boolean;
    readonly act: (chunk: ChunkOf) => Promise<Done>;
}
/**
 * Acts on everything that the pages have, chunk by chunk. Each chunk stands for itself: what is done
 * is done, and in the audit, whatever becomes of this process; to do it again does the rest.
 */
export declare function runBulk<T extends {
    readonly id: bigint;
}>({ filter, page, except, act }: Bulk<T>, options: BulkOptions): Promise<BulkResult>;
export {};

// dist/operations/blocked-keys.d.ts
import type { BlockedKey, HeldEvent, OperatorFilter, OutboxOperations } from '../core/outbox-operations.ts';
/** A key, a keyless event or a topic of a lane that waits. */
export interface BlockedKeyInfo extends Omit<BlockedKey, 'id' | 'lane' | 'head'> {
    /** The uuid of the event that was refused, or else of the first one that is held; `null` where none is. */
    readonly head: string | null;
}
/** An event that waits with its key. */
export interface HeldEventInfo extends Omit<HeldEvent, 'id'> {
    readonly topic: string;
    readonly key: string | null;
}
export declare function blockedOf(operations: OutboxOperations, filter: OperatorFilter): AsyncGenerator<BlockedKey, void>;
export declare function shown(one: BlockedKey): BlockedKeyInfo;
/** The first events that blocked keys hold. */
export declare function heldOf(operations: OutboxOperations, filter: OperatorFilter, limit: number): Promise<readonly HeldEventInfo[]>;
/** Can be released, and its head discarded: not what drains, nor a topic, which waits for the broker. */
export declare function isDecidable({ state, isTopic }: BlockedKey): boolean;

// dist/operations/dead-letters.d.ts
import type { DeadLetter, OperatorFilter, OutboxOperations } from '../core/outbox-operations.ts';
import { type NewerEvents } from './newer-events.ts';
/** An event that is not published any more, unless someone requeues it. */
export type DeadLetterInfo = Omit<DeadLetter, 'id'>;
/** Dead letters of a topic whose errors differ by numbers and uuids only. */
export interface DeadGroup {
    readonly topic: string;
    /** Numbers and uuids are `*`: a filter by this error finds the group. */
    readonly error: string;
    readonly letters: number;
    /** How many keys they have, those without a key left out. */
    readonly keys: number;
    readonly first: Date;
    readonly last: Date;
}
/** What requeueing would do. */
export interface RequeuePreview {
    /** Give it to `requeue`, to requeue these and no others. */
    readonly upTo: Date;
    readonly letters: number;
    /** Of these: without a key, and so without an order. */
    readonly keyless: number;
    readonly keys: number;
    /** When the first one died. */
    readonly oldest: Date | null;
    /** Keys that have published events which were sent after their dead letters: requeued, the letters come behind these. */
    readonly newer: {
        readonly keys: number;
        readonly events: number;
        /** `false` where the time to look was over: there may be more. */
        readonly complete: boolean;
        readonly first: readonly NewerEvents[];
    };
    /** How many letters would be requeued without those keys. */
    readonly inOrder: number;
}
export declare function lettersOf(operations: OutboxOperations, filter: OperatorFilter, upTo: Date): AsyncGenerator<DeadLetter, void>;
/** The largest groups first. */
export declare function deadGroups(operations: OutboxOperations, filter: OperatorFilter): Promise<readonly DeadGroup[]>;
export declare function previewRequeue(operations: OutboxOperations, filter: OperatorFilter, { searchMs }: {
    searchMs: number;
}): Promise<RequeuePreview>;
/** The keys whose letters would come behind events that were sent after them; looks until it knows. */
export declare function keysOutOfOrder(operations: OutboxOperations, filter: OperatorFilter, { upTo, signal }: {
    upTo: Date;
    signal: AbortSignal | undefined;
}): Promise<ReadonlySet<string>>;

// dist/operations/newer-events.d.ts
import type { OutboxOperations } from '../core/outbox-operations.ts';
/** A key of dead letters, and how many there are. */
export interface KeyOfLetters {
    readonly topic: string;
    readonly key: string;
    /** The first of them. */
    readonly first: bigint;
    readonly letters: number;
}
/** A key that has published events which were sent after the first of its dead letters. */
export interface NewerEvents {
    readonly topic: string;
    readonly key: string;
    readonly letters: number;
    /** Published events. */
    readonly newer: number;
    /** The uuids of the first ones. */
    readonly uuids: readonly string[];
}
/** One name for a key of a topic: topics have no NUL character. */
export declare function keyName({ topic, key }: {
    topic: string;
    key: string | null;
}): string;
/**
 * Reads through the events behind the first dead letter, since there is no index of keys; until a
 * time is over or a signal says so, and then it is not `complete`.
 */
export declare function newerEvents(operations: OutboxOperations, keys: ReadonlyMap<string, KeyOfLetters>, { searchMs, signal }: {
    searchMs: number;
    signal?: AbortSignal | undefined;
}): Promise<{
    newer: readonly NewerEvents[];
    complete: boolean;
}>;

// dist/operations/filters.d.ts
import type { OperatorFilter } from '../core/outbox-operations.ts';
/** Which dead letters or blocked keys are meant: those that meet all conditions. */
export interface OperationsFilter extends OperatorFilter {
    /** Instead of any condition, to act on everything. @defaultValue false */
    readonly all?: boolean;
}
/** The conditions of a filter. Throws an `OptionError` where one is not what it should be. */
export declare function conditionsOf(filter: OperationsFilter): OperatorFilter;
/** The same, to act on: of all only where that is said. */
export declare function conditionsToActOn(filter: OperationsFilter): OperatorFilter;
export declare function uuidsOf(uuids: unknown): readonly string[];

// dist/operations/explain.d.ts
import type { OutboxInspection } from '../core/outbox-inspection.ts';
import type { Explanation } from './explanation.ts';
export interface ExplainOptions {
    /** How long to look for an event that isn't where its uuid says. @defaultValue 5000 */
    readonly searchMs?: number;
    /** An owner that has settled nothing for so long stalls. @defaultValue 10000 */
    readonly stalledMs?: number;
}
/** Walks the life of an event, and stops at the first thing that holds it. Only reads. */
export declare function explain(inspection: OutboxInspection, uuid: string, options?: ExplainOptions): Promise<Explanation>;

// dist/operations/explanation.d.ts
import type { CappedCount, InspectedBlock, InspectedRelay, OpenTransaction } from '../core/outbox-inspection.ts';
/** What an operator is told of the event that was asked for. */
export interface ExplainedEvent {
    readonly uuid: string;
    readonly topic: string;
    readonly key: string | null;
    readonly msgType: string;
    readonly bytes: number;
    readonly storedAt: Date;
    readonly lane: number;
}
/** Where a published event is. */
export interface Place {
    readonly topic: string;
    readonly partition: number;
    readonly offset: string;
}
export type HeldBy = Pick<InspectedBlock, 'topic' | 'key' | 'state' | 'error' | 'attempts' | 'since' | 'retryAt' | 'held'>;
type Owner = Pick<InspectedRelay, 'id' | 'state' | 'leaseMs' | 'report'>;
/** Why an event is where it is: the first thing on its way that holds it. */
export type Explanation = {
    readonly verdict: 'delivered';
    readonly event: ExplainedEvent;
    readonly publishedAt: Date;
    /** `null` where its batch went to several partitions, or was recorded by a successor. */
    readonly place: Place | null;
    /** Where the parts of its batch in its topic begin: it is behind one of them. */
    readonly places: readonly Place[];
} | {
    readonly verdict: 'not-found';
    readonly uuid: string;
    /** When the uuid was made, where it tells. */
    readonly madeAt: Date | null;
    /** The oldest event that is still stored. */
    readonly oldestStoredAt: Date | null;
    /** `forgotten`: it was made before the oldest that is kept. `unknown`: the time to look was over. */
    readonly because: 'never-committed' | 'forgotten' | 'unknown';
} | {
    /** Not there to be seen, and transactions that began before it and store events are still open. */
    readonly verdict: 'invisible';
    readonly uuid: string;
    readonly madeAt: Date | null;
    readonly transactions: readonly OpenTransaction[];
} | {
    readonly verdict: 'dead';
    readonly event: ExplainedEvent;
    readonly at: Date;
    readonly attempts: number;
    readonly error: string | null;
} | {
    /** An operator gave it up, and wrote why. */
    readonly verdict: 'discarded';
    readonly event: ExplainedEvent;
    readonly at: Date;
    readonly actor: string;
    readonly reason: string;
} | {
    /**
     * The broker or the codec refuses it. `retrying`: it is tried again by itself. `blocked`: it
     * waits for an operator. `draining`: its key was freed, and what was held goes first.
     */
    readonly verdict: 'retrying' | 'blocked' | 'draining';
    readonly event: ExplainedEvent;
    readonly block: HeldBy;
} | {
    readonly verdict: 'blocked-by';
    readonly event: ExplainedEvent;
    readonly block: HeldBy;
    /** The event of its key that was refused, where it is still held. */
    readonly by: string | null;
} | {
    readonly verdict: 'topic-parked';
    readonly event: ExplainedEvent;
    readonly block: HeldBy;
} | {
    readonly verdict: 'lane-unowned';
    readonly event: ExplainedEvent;
    /** Relays that live: none, or they have not taken the lane yet. */
    readonly liveRelays: number;
} | {
    /** Its lane's owner is dead, and nobody has taken its lanes over. */
    readonly verdict: 'owner-expired' | 'owner-fenced';
    readonly event: ExplainedEvent;
    readonly owner: Owner;
    readonly liveRelays: number;
} | {
    readonly verdict: 'broker-away';
    readonly event: ExplainedEvent;
    /** The relay that waits longest, and what it says. */
    readonly relay: {
        readonly id: string;
        readonly error: string;
    };
    readonly awayMs: number;
} | {
    /** Its lane's owner renews its lease, and has settled nothing for long. */
    readonly verdict: 'owner-stalled';
    readonly event: ExplainedEvent;
    readonly owner: Owner;
    readonly stalledMs: number;
} | {
    readonly verdict: 'backlog';
    readonly event: ExplainedEvent;
    readonly owner: Owner;
    readonly before: CappedCount;
} | {
    readonly verdict: 'untracked';
    readonly event: ExplainedEvent;
};
export {};

// dist/operations/status-report.d.ts
import type { InspectedLedger, InspectedRelay, InspectedTopic, OpenTransaction } from '../core/outbox-inspection.ts';
import type { Backlog } from '../core/outbox-store.ts';
export interface StatusOptions {
    /** An event that has waited for longer is a problem. @defaultValue 60000 */
    readonly maxAgeMs?: number;
    /** More dead events are a problem. @defaultValue 0 */
    readonly maxDead?: number;
}
/** How an outbox does, and what an operator should look at. Counts end at a cap. */
export interface Status {
    /** `false` where something is wrong that does not pass by itself. */
    readonly healthy: boolean;
    /** All of it in one sentence, for people. */
    readonly sentence: string;
    /** What is wrong, in sentences; empty where nothing is. */
    readonly problems: readonly string[];
    readonly backlog: Backlog;
    readonly rates: StatusRates;
    readonly lanes: {
        readonly total: number;
        readonly owned: number;
    };
    readonly relays: readonly StatusRelay[];
    readonly broker: StatusBroker;
    readonly schema: number;
    readonly ledger: InspectedLedger;
    /** Those that have events waiting, held or dead, or had events in the last minute. */
    readonly topics: readonly StatusTopic[];
    /** Transactions that have stored events and are open. */
    readonly openTransactions: readonly OpenTransaction[];
}
/** Events a second: stored ones that committed, and published ones. */
export interface StatusRates {
    readonly in: number;
    /** Over how long, at most a minute: less where more events came in than are looked at. */
    readonly inWindowMs: number;
    readonly out: number;
    readonly outWindowMs: number;
}
export interface StatusRelay extends InspectedRelay {
    /** How many lanes it owns. */
    readonly lanes: number;
}
/** As the relays that live report it. */
export interface StatusBroker {
    /** `unknown` where no relay that lives has reported. */
    readonly state: 'answers' | 'away' | 'unknown';
    readonly awayMs: number | null;
    readonly error: string | null;
    /** Since a batch was settled last. */
    readonly settledMs: number | null;
}
export interface StatusTopic extends InspectedTopic {
    readonly in: number;
    readonly out: number;
}

// dist/relay/relay.d.ts
import type { Broker } from '../core/broker.ts';
import type { Clock } from '../core/clock.ts';
import type { Codec } from '../core/codec.ts';
import type { Logger } from '../core/logger.ts';
import type { OutboxStore } from '../core/outbox-store.ts';
import type { RelayOptions } from './options.ts';
export interface RelayParts {
    readonly store: OutboxStore;
    readonly broker: Broker;
    readonly codecFor: (topic: string) => Codec;
    readonly logger: Logger;
    readonly clock?: Clock;
    readonly onStopped?: () => void;
}
/** What a relay is doing. */
export interface RelayStatus {
    /** `waiting`: for the broker or the database. `standby`: others work, it waits to replace one. */
    readonly state: 'starting' | 'running' | 'standby' | 'waiting' | 'stopping' | 'stopped';
    /** Its id in the table `relays`, where it is enrolled. */
    readonly relayId: string | null;
    readonly lanes: readonly number[];
    /** What waits on its lanes: keys behind an event of theirs that was refused, and topics that can't be written to. */
    readonly blocked: {
        readonly keys: number;
        readonly topics: readonly string[];
    };
    /** Events published and settled since the start. */
    readonly published: number;
    /** What fails right now, and for how long. */
    readonly failing: readonly {
        readonly what: string;
        readonly sinceMs: number;
        readonly error: string;
    }[];
}
/**
 * Publishes what was committed to an outbox, until it is stopped.
 *
 * It lives in incarnations (see there). When one is lost, or the broker or the database can't be
 * had, the next begins after a back-off: at once the first time, up to 30 s apart, for ever.
 */
export declare class Relay implements AsyncDisposable {
    #private;
    constructor(parts: RelayParts, options?: RelayOptions);
    /**
     * Resolves when the relay works, or, where the broker is away, waits for it. Rejects, with the
     * relay stopped, on what waiting can't mend: no tables, an unsafe database, a right that the
     * broker misses.
     */
    start(): Promise<void>;
    /** Events may have been sent: look now. */
    wake(): void;
    get status(): RelayStatus;
    /** Finishes what is in hand, gives its lanes back and ends. May be called at any time, and again. */
    stop(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}

// dist/relay/options.d.ts
import { RefusalPolicies, type RefusalOptions } from './refusal-policy.ts';
export interface RelayOptions {
    /** Most events of one batch. @defaultValue 1000 */
    readonly batchSize?: number;
    /** Most bytes of one batch; a single event may have more. @defaultValue 8 MiB */
    readonly batchBytes?: number;
    /** How often an idle relay looks for events that nobody announced. @defaultValue 1000 */
    readonly pollIntervalMs?: number;
    /** A relay that has not renewed for so long is dead: others take its lanes. @defaultValue 15000 */
    readonly ttlMs?: number;
    /** Relays of one outbox that work at once; more stand by. @defaultValue 4 */
    readonly maxRelays?: number;
    /** How long a stop waits for what is in hand. @defaultValue 25000 */
    readonly stopTimeoutMs?: number;
    /** Published events are forgotten after so long; `Infinity` keeps them. @defaultValue 604800 (7 days) */
    readonly retentionSeconds?: number;
    /** What becomes of events that can't be published. */
    readonly refusals?: RefusalOptions;
}
export type RelaySettings = Required<Omit<RelayOptions, 'refusals'>> & {
    readonly refusals: RefusalPolicies;
};
/** The options with their defaults. Throws an `OptionError` that names the wrong one. */
export declare function relaySettings(options?: RelayOptions): RelaySettings;

// dist/relay/refusal-policy.d.ts
import type { RefusalOutcome } from '../core/refusals.ts';
/** What becomes of an event that can't be published: the broker takes no such record, or no codec makes one. */
export interface RefusalPolicy {
    /** How often an event is tried, the first time included, before it is given up. @defaultValue 10 */
    readonly maxAttempts?: number;
    /** The same where another try can hardly help: too large, invalid, a codec that throws. @defaultValue 2 */
    readonly maxPermanentAttempts?: number;
    /** The wait before the second try; it doubles with each further one, ±20 %. @defaultValue 1000 */
    readonly retryMs?: number;
    /** The longest wait between two tries. @defaultValue 300000 (5 min) */
    readonly maxRetryMs?: number;
    /**
     * What follows the last try. `block`: the event waits, and its key behind it, until an operator
     * decides: nothing is lost, nothing out of order. `dead`: it becomes a dead letter, and its key
     * goes on without it. @defaultValue `block` for an event with a key, `dead` for one without
     */
    readonly onExhausted?: 'block' | 'dead';
}
export interface RefusalOptions extends RefusalPolicy {
    /** For topics that differ: what is not given there is as above. */
    readonly topics?: Readonly<Record<string, RefusalPolicy>>;
}
/** A refusal, as far as a policy has to know it. */
export interface RefusalCase {
    readonly topic: string;
    readonly key: string | null;
    /** How often it was refused, this time included. */
    readonly attempts: number;
    readonly permanent: boolean;
}
/** The options, checked. Throws an `OptionError` that names the wrong one. */
export declare class RefusalPolicies {
    #private;
    constructor(options?: RefusalOptions);
    /** How often such an event is tried before it is given up. */
    most({ topic, permanent }: Pick<RefusalCase, 'topic' | 'permanent'>): number;
    outcome(refused: RefusalCase, random?: () => number): RefusalOutcome;
    /** When to try again. */
    again({ topic, attempts }: Pick<RefusalCase, 'topic' | 'attempts'>, random?: () => number): RefusalOutcome;
}

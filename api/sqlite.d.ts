// dist/stores/sqlite/index.d.ts
export { migrationSql } from './migrations/index.ts';
export type { SqliteOptions } from './options.ts';
export type { BetterSqliteConnection, NodeSqliteConnection, SqliteStatement, SqliteTransaction, SqliteValue, } from './sqlite-client.ts';
export { sqlite } from './sqlite-store.ts';

// dist/stores/sqlite/migrations/index.d.ts
/** A step from one version of the tables to the next. Never changed once it was released. */
export interface Migration {
    readonly version: number;
    readonly name: string;
    /** Statements for tables whose names begin with `name`. */
    sql(name: string): string;
}
export declare const MIGRATIONS: readonly Migration[];
/** The version that this release works with. */
export declare const SCHEMA_VERSION: number;
/** Makes what the migrations themselves need. */
export declare function bootstrapSql(name: string): string;
/** One migration's statements and its entry in the list of them. */
export declare function stepSql(name: string, migration: Migration): string;
/**
 * The migrations as plain SQL, for who applies them by other means: all of them, or those after
 * version `from`. One transaction each.
 *
 * @example
 * console.log(migrationSql('oncommit'))
 */
export declare function migrationSql(name: string, from?: number): string;

// dist/stores/sqlite/options.d.ts
/** Options of `sqlite`. */
export interface SqliteOptions {
    /**
     * Path of the file in which the application keeps its own tables, on a local disk. Any number of
     * processes may use it. The store turns on its write-ahead log.
     */
    readonly file: string;
    /** What the names of the tables begin with, as in `oncommit_events`: an outbox of its own for each. @defaultValue 'oncommit' */
    readonly name?: string;
    /**
     * Of the store's own connections; those of senders keep theirs. `full` survives a power loss;
     * `normal` survives a killed process, and publishes again what it forgot in a power loss.
     * A sender whose connection is `normal` may lose a transaction in a power loss whose event was
     * published already.
     * @defaultValue 'full'
     */
    readonly synchronous?: 'full' | 'normal';
    /** How long the store waits for a writer to finish before it fails with a `StoreError`. @defaultValue 5_000 */
    readonly busyTimeoutMs?: number;
    /**
     * What a consumer's inbox has noted is forgotten after so long, and an event that comes again is
     * new: longer than any replay goes back. `Infinity` keeps it. @defaultValue 604800 (7 days)
     */
    readonly inboxRetentionSeconds?: number;
}
/** Options that were checked, with the defaults. */
export interface ResolvedOptions {
    /** Absolute. */
    readonly file: string;
    /** Needs no quotes in SQL. */
    readonly name: string;
    readonly synchronous: 'full' | 'normal';
    readonly busyTimeoutMs: number;
    readonly inboxRetentionMs: number;
}
export declare function resolveOptions(options: SqliteOptions): ResolvedOptions;
/** `name` where it can begin the names of tables. Throws an `OptionError` otherwise. */
export declare function checkName(name: unknown): string;

// dist/stores/sqlite/sqlite-client.d.ts
/** What a statement takes. */
export type SqliteValue = null | number | bigint | string | Uint8Array;
/** What the store uses of a prepared statement. */
export interface SqliteStatement {
    run(...values: SqliteValue[]): {
        readonly changes: number | bigint;
    };
    all(...values: SqliteValue[]): readonly unknown[];
}
/** A `DatabaseSync` of `node:sqlite`. */
export interface NodeSqliteConnection {
    readonly isTransaction: boolean;
    prepare(sql: string): SqliteStatement;
}
/**
 * A `Database` of better-sqlite3. Its default with a write-ahead log is `synchronous = normal`:
 * `db.pragma('synchronous = full')` keeps what was sent through a power loss, too.
 */
export interface BetterSqliteConnection {
    readonly inTransaction: boolean;
    prepare(sql: string): SqliteStatement;
}
/** A connection to the store's file with an open transaction. */
export type SqliteTransaction = NodeSqliteConnection | BetterSqliteConnection;

// dist/stores/sqlite/sqlite-store.d.ts
import type { OutboxStore } from '../../core/outbox-store.ts';
import { type SqliteOptions } from './options.ts';
import type { SqliteTransaction } from './sqlite-client.ts';
/**
 * Events in a SQLite file, beside the tables of the application. Senders bring their own connection:
 * a `DatabaseSync` of `node:sqlite`, or a `Database` of better-sqlite3. Throws an `OptionError`.
 *
 * @example
 * const store = sqlite({ file: 'shop.db' })
 * await store.migrate()
 */
export declare function sqlite(options: SqliteOptions): OutboxStore<SqliteTransaction>;

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

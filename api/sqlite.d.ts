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
     * relay took meanwhile are left out.
     */
    tick(relayId: string, ttlMs: number, claim: (view: RelayView) => readonly number[]): Promise<Tick>;
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
     * Moves events that can't be published now out of the way, each under what blocks it, which is
     * added where it is new: from what is to be delivered, or from another blocked entry that holds
     * them. Only for lanes that the relay owns; gives the ids that it moved.
     */
    park(relayId: string, parked: readonly ParkedEvents[]): Promise<readonly bigint[]>;
    /** What is blocked on `lanes`. */
    blocked(lanes: readonly number[]): Promise<readonly BlockedEntry[]>;
    /** The held events of these blocked entries, in id order, without those in hand. */
    fetchHeld(request: HeldRequest): Promise<FetchedBatch>;
    /** Removes a blocked entry whose events are all published; `false` while it still holds some. */
    unblock(relayId: string, blockedId: bigint): Promise<boolean>;
    /** What waits, cheaply: counts are capped at `BACKLOG_CAP`. */
    backlog(): Promise<Backlog>;
    /**
     * Forgets up to `limit` events that were published longer than `retentionMs` ago. Works for one
     * caller at a time: the others get `elected: false`. Never an event that is pending, held or dead.
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
/** The first offset of a run of records that a partition took together. */
export type Ack = readonly [topic: string, partition: number, baseOffset: string];
/**
 * What is blocked: a key of a topic, one keyless event (`key` is null, `eventId` is set), or a
 * whole topic on one lane (both null).
 */
export interface BlockedScope {
    readonly topic: string;
    readonly key: string | null;
    readonly eventId: bigint | null;
    readonly lane: number;
}
export interface ParkedEvents {
    readonly scope: BlockedScope;
    readonly error: string;
    /** In id order; may be empty to record the block itself. */
    readonly ids: readonly bigint[];
}
export interface BlockedEntry extends BlockedScope {
    readonly id: bigint;
    readonly error: string;
}
export interface HeldRequest {
    readonly blockedIds: readonly bigint[];
    readonly inHand: IdRanges;
    readonly maxEvents: number;
    readonly maxBytes: number;
}
export interface Backlog {
    readonly pending: number;
    /** Milliseconds since the oldest pending event was stored, `null` where there is none. */
    readonly oldestAgeMs: number | null;
    readonly blocked: number;
    readonly held: number;
    readonly dead: number;
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

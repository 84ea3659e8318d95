import type { OutboxEvent, StoredEvent } from './event.ts'
import type { IdRanges } from './id-ranges.ts'
import type { Inbox } from './inbox.ts'
import type { OutboxInspection } from './outbox-inspection.ts'
import type { OutboxOperations } from './outbox-operations.ts'
import type {
  Ack,
  Backlog,
  BlockedEntry,
  BlockedScope,
  RelayReport,
  WaitingReport,
} from './outbox-terms.ts'
import type { RefusedEvent } from './refusals.ts'

export type {
  Ack,
  Backlog,
  BlockedEntry,
  BlockedScope,
  RelayReport,
  WaitingReport,
} from './outbox-terms.ts'

/**
 * Where committed events wait until the broker has them. One implementation per database;
 * `oncommit/testing` has the suite that each one passes.
 *
 * Every method throws a `StoreError` when the database fails, with the driver's error as `cause`.
 */
export interface OutboxStore<Tx = unknown> {
  /** The kind of database: `postgres`, `sqlite`. */
  readonly name: string
  /** Which outbox this is, if a database has several. Relays of one outbox share its lanes. */
  readonly outbox: string
  /** How many lanes events are spread over: the most relays that can work at once. */
  readonly lanes: number
  /** In the same database, where the store has one. `Tx` is the same: `append` takes it. */
  readonly inbox?: Inbox<Tx>

  /**
   * Adds events inside the caller's transaction, in their order: they exist if, and only if,
   * `tx` commits. Throws a `TransactionError`, with nothing written, where `tx` is no open
   * transaction, as far as that can be told.
   */
  append(tx: Tx, events: readonly OutboxEvent[]): Promise<void>

  /** Makes or changes the tables. Safe to call from any number of processes at once. */
  migrate(): Promise<readonly AppliedMigration[]>

  /**
   * Only reads. Throws a `SchemaVersionError` where the tables are missing or of a version that
   * this release does not work with, an `UnsafeStoreError` where the database is set up in a way
   * that would break a promise (a replica, a sequence with a cache …). Each names its remedy.
   */
  check(): Promise<void>

  /** Connections of a relay's own: nothing that a caller does to theirs reaches them. */
  openRelaySession(): Promise<RelaySession>

  /** What an operator looks through. It needs no more rights than to read. */
  openInspection(): Promise<OutboxInspection>

  /** What an operator decides about dead letters and blocked keys. It needs the rights of an operator. */
  openOperations(): Promise<OutboxOperations>

  /** Tells relays of other processes that events may have been sent. A hint: it may be lost. */
  announce(): void
  /** Calls `listener` when another process announced. Resolves when it listens; may never call. */
  listen(listener: () => void): Promise<AsyncDisposable>

  /** Closes what the store opened itself. A pool that was given stays open. */
  close(): Promise<void>
}

export interface AppliedMigration {
  readonly version: number
  readonly name: string
}

/** What a running relay asks of the store. Methods may be called side by side unless said otherwise. */
export interface RelaySession extends AsyncDisposable {
  /** Adds a relay, live for `ttlMs` from now. */
  enroll(relay: { id: string; fence: string; protocol: number; ttlMs: number }): Promise<void>

  /**
   * The heartbeat: renews the relay, then lets `claim` choose among the lanes without an owner,
   * in one transaction, so that nobody can fence the relay between the two. Lanes that another
   * relay took meanwhile are left out. With a `report` for operators, which nothing depends on.
   */
  tick(
    relayId: string,
    ttlMs: number,
    claim: (view: RelayView) => readonly number[],
    report?: RelayReport,
  ): Promise<Tick>

  /**
   * Tells operators that a relay waits for the broker, and has no row among the relays; `null` where
   * it does no more. Nothing depends on it.
   */
  reportWaiting(id: string, report: WaitingReport | null): Promise<void>

  /** Gives lanes back. The relay has settled all that it had in hand of them. */
  release(relayId: string, lanes: readonly number[]): Promise<void>

  /**
   * Marks a relay fenced if its time has run out, if it is marked already, or if it is `resigning`,
   * which only the relay itself may say. Gives what the broker needs to fence it; `null` where the
   * relay lives or is gone.
   */
  markFenced(relayId: string, options?: { resigning: boolean }): Promise<string | null>

  /** Frees a fenced relay's lanes and forgets it. Its last batches are settled before this. */
  bury(relayId: string): Promise<void>

  /**
   * The next events of `lanes` in the order in which they must be published: id order, and never
   * one before an event of its key whose transaction had committed before its own was sent.
   * Not to be called again before it has returned.
   */
  fetch(request: FetchRequest): Promise<FetchedBatch>

  /** Forgets what was learnt about ids: the next fetch looks from the first one on. */
  forgetPosition(): void

  /**
   * Records that the broker has a batch, and takes its events off what is to be delivered.
   * `false` where that had been done before. A fact: needs no ownership.
   */
  settle(batch: SettledBatch): Promise<boolean>

  /**
   * Records refusals, each in one step: the event becomes the head of its entry, which is added
   * where it is new and holds it, or it is dead, once, and its entry is due to be drained (that of a
   * keyless event is gone). Only for lanes that the relay owns, and for events that wait or are held;
   * gives the ids of those. May be repeated, also by a successor.
   */
  refuse(relayId: string, refused: readonly RefusedEvent[]): Promise<readonly bigint[]>

  /**
   * Moves events that can't be published now out of the way, each under what blocks it: from what
   * is to be delivered, or from another entry that holds them. Only for lanes that the relay owns;
   * gives the ids that it moved. A key has one entry, whatever its head; one that is added here is
   * due to be drained, since nothing of it was refused.
   */
  park(relayId: string, parked: readonly ParkedEvents[]): Promise<readonly bigint[]>

  /** What is blocked on `lanes`. */
  blocked(lanes: readonly number[]): Promise<readonly BlockedEntry[]>

  /**
   * Entries whose time has come, by the database's clock, the longest due first: `retrying` ones
   * whose head is to be tried, `draining` ones that `drain` has not taken.
   */
  due(request: DueRequest): Promise<readonly BlockedEntry[]>

  /** From now on these entries drain. Only on lanes that the relay owns; gives those that are there. */
  drain(relayId: string, blockedIds: readonly bigint[]): Promise<readonly bigint[]>

  /** The held events of these entries, in id order, without those in hand. */
  fetchHeld(request: HeldRequest): Promise<FetchedBatch>

  /**
   * Removes entries of which nothing is held any more. Only on lanes that the relay owns; gives
   * those that are not there any more.
   */
  unblock(relayId: string, blockedIds: readonly bigint[]): Promise<readonly bigint[]>

  /** What waits, cheaply: counts are capped at `BACKLOG_CAP`. */
  backlog(): Promise<Backlog>

  /**
   * Forgets up to `limit` events that were published longer than `retentionMs` ago. Works for one
   * caller at a time: the others get `elected: false`. Never an event that is pending, held or dead;
   * those that were discarded as long ago too.
   */
  clean(
    holder: string,
    options: { retentionMs: number; limit: number; leaseMs: number },
  ): Promise<CleanResult>
}

/** Counts above it are given as it. */
export const BACKLOG_CAP = 100_000

export interface RelayView {
  readonly relays: readonly RelayState[]
  /** Lanes that this relay owns. */
  readonly owned: readonly number[]
  /** Lanes without an owner. */
  readonly free: readonly number[]
}

export interface RelayState {
  readonly id: string
  readonly protocol: number
  /** `expired`: has not renewed in time, and nobody has fenced it yet. */
  readonly state: 'live' | 'expired' | 'fenced'
  /** How many lanes it owns. */
  readonly lanes: number
}

export type Tick =
  | { readonly state: 'fenced' }
  | {
      readonly state: 'live'
      readonly owned: readonly number[]
      readonly relays: readonly RelayState[]
    }

export interface FetchRequest {
  readonly lanes: readonly number[]
  /** Ids that were fetched and not settled. They are not fetched again. */
  readonly inHand: IdRanges
  readonly maxEvents: number
  /** Of `size`, together. A batch may pass it by its last event: one is fetched however large it is. */
  readonly maxBytes: number
  /** Look from the first id on: lanes were gained, or a check is due. */
  readonly fromStart: boolean
}

export interface FetchedBatch {
  readonly events: readonly StoredEvent[]
  /** A limit was reached: there may be more. */
  readonly full: boolean
}

export interface SettledBatch {
  /** The relay whose batch it is, which need not be the caller's. */
  readonly relayId: string
  /** Ascending within a relay, from 1. A lower or equal one is known as settled. */
  readonly number: number
  readonly ids: IdRanges
  /** Where it went, for the operator. */
  readonly acks: readonly Ack[]
}

export interface ParkedEvents {
  readonly scope: BlockedScope
  readonly error: string
  /** In id order. */
  readonly ids: readonly bigint[]
}

export interface DueRequest {
  readonly lanes: readonly number[]
  /** Of these nothing is due: they can't be written to. */
  readonly exceptTopics: readonly string[]
  readonly limit: number
}

export interface HeldRequest {
  readonly blockedIds: readonly bigint[]
  /** Most events of each entry. @defaultValue as many as there are */
  readonly maxOfEach?: number
  readonly inHand: IdRanges
  readonly maxEvents: number
  readonly maxBytes: number
}

export interface CleanResult {
  readonly elected: boolean
  readonly deleted: number
  /** The limit was reached: there may be more. */
  readonly more: boolean
}

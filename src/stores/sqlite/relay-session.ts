import type {
  Backlog,
  BlockedEntry,
  CleanResult,
  DueRequest,
  FetchedBatch,
  FetchRequest,
  HeldRequest,
  ParkedEvents,
  RelayReport,
  RelaySession,
  RelayView,
  SettledBatch,
  Tick,
  WaitingReport,
} from '../../core/outbox-store.ts'
import type { RefusedEvent } from '../../core/refusals.ts'
import { clean, type CleanOptions } from './clean.ts'
import type { Database } from './database.ts'
import { fetch, fetchHeld } from './fetch.ts'
import * as membership from './membership.ts'
import * as refusals from './refusals.ts'
import * as statements from './statements.ts'

const LANE = 0

/** A relay's view of the store, on a connection of its own. */
export class SqliteRelaySession implements RelaySession {
  readonly #database: Database
  readonly #name: string
  /**
   * The highest id that was fetched. Transactions that write follow each other, so that events
   * become visible in the order of their ids: nothing comes below it any more.
   */
  #last = 0n

  /** `database` is closed with it. */
  constructor(database: Database, name: string) {
    this.#database = database
    this.#name = name
  }

  enroll(relay: { id: string; fence: string; protocol: number; ttlMs: number }): Promise<void> {
    return this.#database.transaction('enrolling a relay', (connection) =>
      membership.enroll(connection, this.#name, relay),
    )
  }

  tick(
    relayId: string,
    ttlMs: number,
    claim: (view: RelayView) => readonly number[],
    report?: RelayReport,
  ): Promise<Tick> {
    return this.#database.transaction('renewing a relay', (connection) =>
      membership.tick(connection, this.#name, { relayId, ttlMs, ...(report && { report }) }, claim),
    )
  }

  reportWaiting(id: string, report: WaitingReport | null): Promise<void> {
    return this.#database.transaction('telling that a relay waits', (connection) =>
      membership.reportWaiting(connection, this.#name, id, report),
    )
  }

  release(relayId: string, lanes: readonly number[]): Promise<void> {
    return this.#database.transaction('releasing lanes', (connection) =>
      membership.release(connection, this.#name, relayId, lanes),
    )
  }

  markFenced(relayId: string, options?: { resigning: boolean }): Promise<string | null> {
    return this.#database.transaction('marking a relay fenced', (connection) =>
      membership.markFenced(connection, this.#name, relayId, options?.resigning ?? false),
    )
  }

  bury(relayId: string): Promise<void> {
    return this.#database.transaction('burying a relay', (connection) =>
      membership.bury(connection, this.#name, relayId),
    )
  }

  async fetch(request: FetchRequest): Promise<FetchedBatch> {
    if (!request.lanes.includes(LANE)) return { events: [], full: false }
    if (request.fromStart) this.forgetPosition()
    return this.#database.read('fetching events', (connection) => {
      const { events, full, last } = fetch(connection, this.#name, this.#last + 1n, request)
      if (last !== null) this.#last = last
      return { events, full }
    })
  }

  forgetPosition(): void {
    this.#last = 0n
  }

  settle(batch: SettledBatch): Promise<boolean> {
    return this.#database.transaction('settling a batch', (connection) =>
      statements.settle(connection, this.#name, batch),
    )
  }

  refuse(relayId: string, refused: readonly RefusedEvent[]): Promise<readonly bigint[]> {
    return this.#database.transaction('recording refusals', (connection) =>
      refusals.refuse(connection, this.#name, relayId, refused),
    )
  }

  park(relayId: string, parked: readonly ParkedEvents[]): Promise<readonly bigint[]> {
    return this.#database.transaction('parking events', (connection) =>
      refusals.park(connection, this.#name, relayId, parked),
    )
  }

  blocked(lanes: readonly number[]): Promise<readonly BlockedEntry[]> {
    return this.#database.read('reading what is blocked', (connection) =>
      refusals.blocked(connection, this.#name, lanes),
    )
  }

  due(request: DueRequest): Promise<readonly BlockedEntry[]> {
    return this.#database.read('reading what is due', (connection) =>
      refusals.due(connection, this.#name, request),
    )
  }

  drain(relayId: string, blockedIds: readonly bigint[]): Promise<readonly bigint[]> {
    return this.#database.transaction('draining what was blocked', (connection) =>
      refusals.drain(connection, this.#name, relayId, blockedIds),
    )
  }

  fetchHeld(request: HeldRequest): Promise<FetchedBatch> {
    return this.#database.read('fetching held events', (connection) =>
      fetchHeld(connection, this.#name, request),
    )
  }

  unblock(relayId: string, blockedIds: readonly bigint[]): Promise<readonly bigint[]> {
    return this.#database.transaction('removing blocks', (connection) =>
      refusals.unblock(connection, this.#name, relayId, blockedIds),
    )
  }

  backlog(): Promise<Backlog> {
    return this.#database.read('counting the backlog', (connection) =>
      statements.backlog(connection, this.#name),
    )
  }

  clean(holder: string, options: CleanOptions): Promise<CleanResult> {
    return clean(this.#database, this.#name, holder, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close()
  }
}

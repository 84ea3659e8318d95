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
import { BoundedQueries } from './bounded-queries.ts'
import type { Connection, Database, Queryable, Row } from './database.ts'
import {
  copySql,
  decodeCheck,
  decodeUnflushed,
  fetchHeldSql,
  fetchSql,
  horizonSql,
  planSafeSettings,
} from './fetch.ts'
import { type Fetched, FetchedRows } from './fetched-rows.ts'
import { flushed } from './flushed.ts'
import { Horizon } from './horizon.ts'
import * as membership from './membership.ts'
import * as refusals from './refusals.ts'
import type { RefusedEvent } from '../../core/refusals.ts'
import { SessionConnection } from './session-connection.ts'
import * as statements from './statements.ts'
import { storeFailure } from './store-failure.ts'

/** The server's own timeout comes first, with a reason. */
const GRACE_MS = 5_000

export interface RelaySessionOptions {
  readonly database: Database
  /** Quoted. */
  readonly schema: string
  readonly statementTimeoutMs: number
}

/**
 * A relay's view of the store: one connection that fetches and one for the rest, so that a settle
 * never waits for a large fetch. Counting and cleaning borrow a third.
 */
export class PostgresRelaySession implements RelaySession {
  readonly #database: Database
  readonly #schema: string
  readonly #statementTimeoutMs: number
  readonly #settings: string
  readonly #fetching: SessionConnection
  readonly #working: SessionConnection
  readonly #horizon = new Horizon()

  constructor({ database, schema, statementTimeoutMs }: RelaySessionOptions) {
    this.#database = database
    this.#schema = schema
    this.#statementTimeoutMs = statementTimeoutMs
    this.#settings = planSafeSettings(statementTimeoutMs)
    const onLost = (): void => this.forgetPosition()
    this.#fetching = new SessionConnection(database, statementTimeoutMs + GRACE_MS, onLost)
    this.#working = new SessionConnection(database, statementTimeoutMs + GRACE_MS, onLost)
  }

  enroll(relay: { id: string; fence: string; protocol: number; ttlMs: number }): Promise<void> {
    return this.#work('enrolling a relay', (database) =>
      membership.enroll(database, this.#schema, relay),
    )
  }

  tick(
    relayId: string,
    ttlMs: number,
    claim: (view: RelayView) => readonly number[],
    report?: RelayReport,
  ): Promise<Tick> {
    const statementTimeoutMs = this.#statementTimeoutMs
    const me = { relayId, ttlMs, statementTimeoutMs, ...(report && { report }) }
    return this.#working.run('renewing a relay', (connection) =>
      membership.tick(connection, this.#schema, me, claim),
    )
  }

  reportWaiting(id: string, report: WaitingReport | null): Promise<void> {
    return this.#work('telling that a relay waits', (database) =>
      membership.reportWaiting(database, this.#schema, id, report),
    )
  }

  release(relayId: string, lanes: readonly number[]): Promise<void> {
    return this.#work('releasing lanes', (database) =>
      membership.release(database, this.#schema, relayId, lanes),
    )
  }

  markFenced(relayId: string, options?: { resigning: boolean }): Promise<string | null> {
    return this.#work('marking a relay fenced', (database) =>
      membership.markFenced(database, this.#schema, relayId, options?.resigning ?? false),
    )
  }

  bury(relayId: string): Promise<void> {
    return this.#work('burying a relay', (database) =>
      membership.bury(database, this.#schema, relayId),
    )
  }

  fetch(request: FetchRequest): Promise<FetchedBatch> {
    return this.#fetching.run('fetching events', (connection) => this.#fetch(connection, request))
  }

  forgetPosition(): void {
    this.#horizon.forget()
  }

  settle(batch: SettledBatch): Promise<boolean> {
    return this.#work('settling a batch', (database) =>
      statements.settle(database, this.#schema, batch),
    )
  }

  refuse(relayId: string, refused: readonly RefusedEvent[]): Promise<readonly bigint[]> {
    return this.#work('recording refusals', (database) =>
      refusals.refuse(database, this.#schema, relayId, refused),
    )
  }

  park(relayId: string, parked: readonly ParkedEvents[]): Promise<readonly bigint[]> {
    return this.#work('parking events', (database) =>
      refusals.park(database, this.#schema, relayId, parked),
    )
  }

  blocked(lanes: readonly number[]): Promise<readonly BlockedEntry[]> {
    return this.#work('reading what is blocked', (database) =>
      refusals.blocked(database, this.#schema, lanes),
    )
  }

  due(request: DueRequest): Promise<readonly BlockedEntry[]> {
    return this.#work('reading what is due', (database) =>
      refusals.due(database, this.#schema, request),
    )
  }

  drain(relayId: string, blockedIds: readonly bigint[]): Promise<readonly bigint[]> {
    return this.#work('draining what was blocked', (database) =>
      refusals.drain(database, this.#schema, relayId, blockedIds),
    )
  }

  fetchHeld(request: HeldRequest): Promise<FetchedBatch> {
    return this.#working.run('fetching held events', async (connection) => {
      const begin = `BEGIN READ ONLY; ${this.#settings} SELECT 1`
      const query = fetchHeldSql(this.#schema, request)
      const { fetched } = await read(connection, begin, query, request)
      connection.script('COMMIT').catch(() => {})
      return { events: fetched.events, full: fetched.full }
    })
  }

  unblock(relayId: string, blockedIds: readonly bigint[]): Promise<readonly bigint[]> {
    return this.#work('removing blocks', (database) =>
      refusals.unblock(database, this.#schema, relayId, blockedIds),
    )
  }

  backlog(): Promise<Backlog> {
    return this.#borrow('counting the backlog', (database) =>
      statements.backlog(database, this.#schema),
    )
  }

  clean(
    holder: string,
    options: { retentionMs: number; limit: number; leaseMs: number },
  ): Promise<CleanResult> {
    return this.#borrow('cleaning', (database) =>
      statements.clean(database, this.#schema, holder, options),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fetching.close()
    this.#working.close()
  }

  /** Check and fetch in one snapshot: see `Horizon`. */
  async #fetch(connection: Connection, request: FetchRequest): Promise<FetchedBatch> {
    const { fromStart } = request
    const guess = this.#horizon.guess(fromStart)
    const begin = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${this.#settings} ${horizonSql(this.#schema)}`
    const first = await read(connection, begin, fetchSql(this.#schema, guess, request), request)
    const from = this.#horizon.observe(decodeCheck(first.before[0]), fromStart)
    let { fetched } = first
    if (from < guess) {
      // Seldom: a sender that lived through two checks has ended. SAVEPOINT fails outside of a
      // transaction block, where a lost connection would have left us with another snapshot.
      const again = fetchSql(this.#schema, from, request)
      fetched = (await read(connection, 'SAVEPOINT again', again, request)).fetched
    }
    // Not awaited: the next message queues behind it, and if it is lost so is the connection.
    connection.script('COMMIT').catch(() => {})
    const unflushed = decodeUnflushed(first.before[0])
    if (unflushed !== null && fetched.events.length > 0) await flushed(connection, unflushed)
    this.#horizon.advance(fetched.last, fetched.full)
    return { events: fetched.events, full: fetched.full }
  }

  #work<T>(action: string, job: (database: Queryable) => Promise<T>): Promise<T> {
    return this.#working.run(action, (connection) =>
      job(new BoundedQueries(connection, this.#statementTimeoutMs)),
    )
  }

  async #borrow<T>(action: string, job: (database: Queryable) => Promise<T>): Promise<T> {
    try {
      return await job(this.#database)
    } catch (error) {
      throw storeFailure(action, error)
    }
  }
}

/** Executes a query after other statements, in one message. `before`: the rows of the first that gave some. */
async function read(
  connection: Connection,
  preceding: string,
  query: string,
  limits: { maxEvents: number; maxBytes: number },
): Promise<{ before: readonly Row[]; fetched: Fetched }> {
  const rows = new FetchedRows(limits)
  if (connection.copy !== undefined) {
    const text = `${preceding}; ${copySql(query)}`
    const [before = []] = await connection.copy(text, (row) => rows.addCopied(row))
    return { before, fetched: rows.fetched() }
  }
  const results = await connection.script(`${preceding}; ${query}`)
  for (const row of results.at(-1) ?? []) rows.addText(row)
  return { before: results[0] ?? [], fetched: rows.fetched() }
}

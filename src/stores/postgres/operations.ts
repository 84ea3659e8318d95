import { backoffMs } from '../../core/backoff.ts'
import { systemClock } from '../../core/clock.ts'
import type {
  AuditEntry,
  BlockedKey,
  BlockedRequest,
  ChunkOf,
  DeadLetter,
  DeadRequest,
  Done,
  EventContents,
  HeldEvent,
  OutboxOperations,
  Page,
  PublishedEvent,
  PublishedRequest,
  Requeued,
} from '../../core/outbox-operations.ts'
import { type Database, type Row, type Value, withConnection } from './database.ts'
import { planSafeSettings } from './fetch.ts'
import * as sql from './operations-statements.ts'
import { numberArray } from './sql-text.ts'
import { storeFailure } from './store-failure.ts'

/** An operator waits, and a page is bounded in rows. */
const TIMEOUT_MS = 10_000
/** Relays come first: the lock of a lane was not to be had in time, or two waited for each other. */
const GIVEN_WAY = new Set(['55P03', '40P01'])
const ATTEMPTS = 20
const RETRY = { firstMs: 20, maxMs: 1_000, jitter: 0.5 }

/** What operators do. Looking is a transaction that only reads, acting is a function that audits. */
export class PostgresOperations implements OutboxOperations {
  readonly #database: Database
  readonly #schema: string

  /** `schema` is quoted. */
  constructor(database: Database, schema: string) {
    this.#database = database
    this.#schema = schema
  }

  async now(): Promise<Date> {
    const [rows] = await this.#look('SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)')
    return dateOf(rows?.[0]?.[0])
  }

  deadLetters(request: DeadRequest): Promise<Page<DeadLetter>> {
    return this.#page(sql.deadSql(this.#schema, request), request.limit, letterOf)
  }

  blockedKeys(request: BlockedRequest): Promise<Page<BlockedKey>> {
    return this.#page(sql.blockedSql(this.#schema, request), request.limit, blockedOf)
  }

  published(request: PublishedRequest): Promise<Page<PublishedEvent>> {
    return this.#page(sql.publishedSql(this.#schema, request), request.limit, publishedOf)
  }

  async held(blockedId: bigint, limit: number): Promise<readonly HeldEvent[]> {
    const [rows = []] = await this.#look(sql.heldSql(this.#schema, blockedId, limit))
    return rows.map(heldOf)
  }

  async contents(eventId: bigint): Promise<EventContents | null> {
    const [rows] = await this.#look(sql.contentsSql(this.#schema, eventId))
    const [row] = rows ?? []
    if (row === undefined) return null
    const [mimeType, headers = null, payload = null] = row
    return {
      mimeType: mimeType ?? '',
      headers,
      payload: payload === null ? null : Buffer.from(payload, 'base64'),
    }
  }

  async audit(request: { uuids?: readonly string[]; limit: number }): Promise<AuditEntry[]> {
    const [rows = []] = await this.#look(sql.auditSql(this.#schema, request))
    return rows.map(entryOf)
  }

  async requeue({ ids, upTo, note }: ChunkOf & { upTo: Date }): Promise<Requeued> {
    const [done, waiting] = await this.#act('requeue', [numberArray(ids), after(upTo)], note)
    return { done: Number(done), waiting: Number(waiting) }
  }

  async discardDead({ ids, upTo, note }: ChunkOf & { upTo: Date }): Promise<Done> {
    const [done] = await this.#act('discard_dead', [numberArray(ids), after(upTo)], note)
    return { done: Number(done) }
  }

  async discardHeld({ ids, note }: ChunkOf): Promise<Done> {
    const [done] = await this.#act('discard_held', [numberArray(ids)], note)
    return { done: Number(done) }
  }

  async release({ ids, note }: ChunkOf): Promise<Done> {
    const [done] = await this.#act('release', [numberArray(ids)], note)
    return { done: Number(done) }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #page<T>(
    [end, items]: sql.PageSql,
    limit: number,
    read: (row: Row) => T & { readonly id: bigint },
  ): Promise<Page<T>> {
    const [ends, rows = []] = await this.#look(end, items)
    const found = rows.map(read)
    const last = found.length === limit ? found.at(-1)?.id : ends?.[0]?.[0]
    return { items: found, next: last === undefined || last === null ? null : BigInt(last) }
  }

  /** The rows of each query. */
  async #look(...queries: readonly string[]): Promise<readonly (readonly Row[])[]> {
    try {
      return await withConnection(this.#database, (connection) =>
        connection.script(
          `BEGIN READ ONLY; ${planSafeSettings(TIMEOUT_MS)} ${queries.join('; ')}; COMMIT`,
        ),
      )
    } catch (error) {
      throw storeFailure('looking at the outbox', error)
    }
  }

  /** Executes a function, whose arguments are texts but for the note, until it gets its locks. */
  async #act(name: string, values: readonly string[], note: ChunkOf['note']): Promise<Row> {
    const types = ['bigint[]', 'timestamptz'].slice(0, values.length)
    const parameters = [...types, 'jsonb'].map((type, n) => `$${n + 1}::text::${type}`).join(', ')
    const text = `SELECT * FROM ${this.#schema}.${name}(${parameters})`
    const all: readonly Value[] = [...values, storable(JSON.stringify(note))]
    for (let attempt = 1; ; attempt++) {
      try {
        return (await this.#database.query(text, all)).rows[0] ?? []
      } catch (error) {
        const gaveWay = GIVEN_WAY.has(String((error as { code?: unknown }).code))
        if (!gaveWay || attempt === ATTEMPTS) throw storeFailure('acting on the outbox', error)
        await systemClock.sleep(backoffMs(RETRY, attempt))
      }
    }
  }
}

/** The escape of a NUL character, which `jsonb` does not take, and halves of characters. */
function storable(json: string): string {
  return json.replaceAll(/(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/gi, '$1')
}

/** A time that is later than all that are the same to the millisecond. */
function after(upTo: Date): string {
  return new Date(upTo.getTime() + 1).toISOString()
}

function dateOf(ms: string | null | undefined): Date {
  return new Date(Number(ms))
}

function letterOf(row: Row): DeadLetter {
  const [id, uuid, topic, key = null, msgType, bytes, storedAt, diedAt, attempts, error] = row
  return {
    id: BigInt(id ?? 0),
    uuid: uuid ?? '',
    topic: topic ?? '',
    key,
    msgType: msgType ?? '',
    bytes: Number(bytes),
    storedAt: dateOf(storedAt),
    diedAt: dateOf(diedAt),
    attempts: Number(attempts),
    error: error ?? '',
    redelivered: Number(row[10]),
  }
}

function blockedOf(row: Row): BlockedKey {
  const [id, topic, key = null, lane, state, error, attempts, since, retryAt] = row
  const [isTopic, headId, headUuid, held] = row.slice(9)
  return {
    id: BigInt(id ?? 0),
    topic: topic ?? '',
    key,
    lane: Number(lane),
    state: state as BlockedKey['state'],
    error: error ?? '',
    attempts: Number(attempts),
    since: dateOf(since),
    retryAt: retryAt ? dateOf(retryAt) : null,
    isTopic: isTopic === 't',
    head: headId && headUuid ? { id: BigInt(headId), uuid: headUuid } : null,
    held: Number(held),
  }
}

function publishedOf([id, uuid, topic, key]: Row): PublishedEvent {
  return { id: BigInt(id ?? 0), uuid: uuid ?? '', topic: topic ?? '', key: key ?? '' }
}

function heldOf([id, uuid, msgType, bytes, storedAt, redelivered]: Row): HeldEvent {
  return {
    id: BigInt(id ?? 0),
    uuid: uuid ?? '',
    msgType: msgType ?? '',
    bytes: Number(bytes),
    storedAt: dateOf(storedAt),
    redelivered: Number(redelivered),
  }
}

function entryOf(row: Row): AuditEntry {
  const [id, bulk, at, actor, action, filter, reason, matched, done, details] = row
  return {
    id: BigInt(id ?? 0),
    bulk: bulk ?? '',
    at: dateOf(at),
    actor: actor ?? '',
    action: action as AuditEntry['action'],
    filter: JSON.parse(filter ?? 'null'),
    reason: reason ?? '',
    matched: Number(matched),
    done: Number(done),
    details: JSON.parse(details ?? 'null'),
  }
}

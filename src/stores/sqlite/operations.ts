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
import { NOW } from './clock-sql.ts'
import type { Database, Queryable, Row } from './database.ts'
import * as decisions from './decisions.ts'
import * as sql from './operations-statements.ts'

/** What operators do, on a connection of its own. */
export class SqliteOperations implements OutboxOperations {
  readonly #database: Database
  readonly #name: string

  /** `database` is closed with it. */
  constructor(database: Database, name: string) {
    this.#database = database
    this.#name = name
  }

  now(): Promise<Date> {
    return this.#look((database) => dateOf(database.first(`select ${NOW}`)?.[0]))
  }

  deadLetters(request: DeadRequest): Promise<Page<DeadLetter>> {
    return this.#look((database) =>
      pageOf(sql.dead(database, this.#name, request), request.limit, letterOf),
    )
  }

  blockedKeys(request: BlockedRequest): Promise<Page<BlockedKey>> {
    return this.#look((database) =>
      pageOf(sql.blocked(database, this.#name, request), request.limit, blockedOf),
    )
  }

  published(request: PublishedRequest): Promise<Page<PublishedEvent>> {
    return this.#look((database) =>
      pageOf(sql.published(database, this.#name, request), request.limit, publishedOf),
    )
  }

  held(blockedId: bigint, limit: number): Promise<readonly HeldEvent[]> {
    return this.#look((database) => sql.held(database, this.#name, blockedId, limit).map(heldOf))
  }

  contents(eventId: bigint): Promise<EventContents | null> {
    return this.#look((database) => {
      const row = sql.contents(database, this.#name, eventId)
      if (row === undefined) return null
      const [mimeType, headers = null, payload = null] = row
      return {
        mimeType: String(mimeType),
        headers: headers as string | null,
        payload: payload === null ? null : Buffer.from(payload as Uint8Array),
      }
    })
  }

  audit(request: { uuids?: readonly string[]; limit: number }): Promise<readonly AuditEntry[]> {
    return this.#look((database) => sql.audit(database, this.#name, request).map(entryOf))
  }

  requeue(letters: ChunkOf & { readonly upTo: Date }): Promise<Requeued> {
    return this.#act((database) => decisions.requeue(database, this.#name, letters))
  }

  discardDead(letters: ChunkOf & { readonly upTo: Date }): Promise<Done> {
    return this.#act((database) => decisions.discardDead(database, this.#name, letters))
  }

  discardHeld(events: ChunkOf): Promise<Done> {
    return this.#act((database) => decisions.discardHeld(database, this.#name, events))
  }

  release(entries: ChunkOf): Promise<Done> {
    return this.#act((database) => decisions.release(database, this.#name, entries))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close()
  }

  #look<T>(work: (database: Queryable) => T): Promise<T> {
    return this.#database.read('looking at the outbox', work)
  }

  #act<T>(work: (database: Queryable) => T): Promise<T> {
    return this.#database.transaction('acting on the outbox', work)
  }
}

function pageOf<T extends { readonly id: bigint }>(
  { rows, end }: sql.PageRows,
  limit: number,
  read: (row: Row) => T,
): Page<T> {
  const items = rows.map(read)
  return { items, next: items.length === limit ? (items.at(-1)?.id ?? null) : end }
}

function dateOf(ms: unknown): Date {
  return new Date(Number(ms))
}

function letterOf(row: Row): DeadLetter {
  const [id, uuid, topic, key = null, msgType, bytes, storedAt, diedAt, attempts, error] = row
  return {
    id: id as bigint,
    uuid: String(uuid).toLowerCase(),
    topic: String(topic),
    key: key as string | null,
    msgType: String(msgType),
    bytes: Number(bytes),
    storedAt: dateOf(storedAt),
    diedAt: dateOf(diedAt),
    attempts: Number(attempts),
    error: String(error),
    redelivered: Number(row[10]),
  }
}

function blockedOf(row: Row): BlockedKey {
  const [id, topic, key = null, lane, state, error, attempts, since, retryAt = null] = row
  const [isTopic, headId = null, headUuid, held] = row.slice(9)
  return {
    id: id as bigint,
    topic: String(topic),
    key: key as string | null,
    lane: Number(lane),
    state: state as BlockedKey['state'],
    error: String(error),
    attempts: Number(attempts),
    since: dateOf(since),
    retryAt: retryAt === null ? null : dateOf(retryAt),
    isTopic: isTopic === 1n,
    head: headId === null ? null : { id: headId as bigint, uuid: String(headUuid).toLowerCase() },
    held: Number(held),
  }
}

function publishedOf([id, uuid, topic, key]: Row): PublishedEvent {
  return {
    id: id as bigint,
    uuid: String(uuid).toLowerCase(),
    topic: String(topic),
    key: String(key),
  }
}

function heldOf([id, uuid, msgType, bytes, storedAt, redelivered]: Row): HeldEvent {
  return {
    id: id as bigint,
    uuid: String(uuid).toLowerCase(),
    msgType: String(msgType),
    bytes: Number(bytes),
    storedAt: dateOf(storedAt),
    redelivered: Number(redelivered),
  }
}

function entryOf(row: Row): AuditEntry {
  const [id, bulk, at, actor, action, filter, reason, matched, done, details] = row
  return {
    id: id as bigint,
    bulk: String(bulk),
    at: dateOf(at),
    actor: String(actor),
    action: action as AuditEntry['action'],
    filter: JSON.parse(String(filter)),
    reason: String(reason),
    matched: Number(matched),
    done: Number(done),
    details: JSON.parse(String(details)),
  }
}

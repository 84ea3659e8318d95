import type { WaitingRelay } from '../../core/outbox-inspection.ts'
import { INSPECTION_CAP } from '../../core/outbox-inspection.ts'
import type {
  IdBounds,
  InspectedBlock,
  InspectedEvent,
  InspectedLane,
  InspectedLedger,
  InspectedRates,
  InspectedRelay,
  InspectedTopic,
  OpenTransaction,
  OutboxInspection,
  Standing,
} from '../../core/outbox-inspection.ts'
import type { Ack, Backlog, BlockedScope } from '../../core/outbox-store.ts'
import type { Database, Queryable, Row } from './database.ts'
import { decodeRanges } from './id-lists.ts'
import * as counts from './inspection-counts.ts'
import * as sql from './inspection-statements.ts'
import { readVersion } from './schema-version.ts'
import { backlog } from './statements.ts'

const LANE = 0

/** An operator's view of the outbox, on a connection of its own that only reads. */
export class SqliteInspection implements OutboxInspection {
  readonly #database: Database
  readonly #name: string

  /** `database` is closed with it. */
  constructor(database: Database, name: string) {
    this.#database = database
    this.#name = name
  }

  bounds(): Promise<IdBounds | null> {
    return this.#ask((database) => {
      const [first, last] = sql.bounds(database, this.#name) ?? []
      return typeof first === 'bigint' && typeof last === 'bigint' ? { first, last } : null
    })
  }

  idAt(time: Date): Promise<bigint> {
    return this.#ask((database) => sql.idAt(database, this.#name, time.getTime()))
  }

  findBetween(uuid: string, range: IdBounds): Promise<bigint | null> {
    return this.#ask((database) => sql.findBetween(database, this.#name, uuid, range))
  }

  event(id: bigint): Promise<InspectedEvent | null> {
    return this.#ask((database) => eventOf(database, this.#name, id))
  }

  blocks(scope: BlockedScope): Promise<readonly InspectedBlock[]> {
    return this.#ask((database) => sql.blocks(database, this.#name, scope).map(blockOf))
  }

  lanes(): Promise<readonly InspectedLane[]> {
    return this.#ask((database) =>
      sql.lanes(database, this.#name).map(([lane, owner, epoch]) => ({
        lane: Number(lane),
        owner: owner as string | null,
        epoch: Number(epoch),
      })),
    )
  }

  waiting(): Promise<readonly WaitingRelay[]> {
    return this.#ask((database) =>
      sql.waiting(database, this.#name).map(([id, waitingMs, error]) => ({
        id: String(id),
        waitingMs: Number(waitingMs),
        error: String(error),
      })),
    )
  }

  relays(): Promise<readonly InspectedRelay[]> {
    return this.#ask((database) => sql.relays(database, this.#name).map(relayOf))
  }

  /** Another connection's transaction can't be seen before it has ended. */
  async openTransactions(): Promise<readonly OpenTransaction[]> {
    return []
  }

  backlog(): Promise<Backlog> {
    return this.#ask((database) => backlog(database, this.#name))
  }

  topics(): Promise<readonly InspectedTopic[]> {
    return this.#ask((database) => counts.topics(database, this.#name))
  }

  stored(): Promise<InspectedRates> {
    return this.#ask((database) => counts.stored(database, this.#name))
  }

  published(): Promise<InspectedRates> {
    return this.#ask((database) => counts.published(database, this.#name))
  }

  ledger(): Promise<InspectedLedger> {
    return this.#ask((database) => counts.ledger(database, this.#name))
  }

  version(): Promise<number> {
    return this.#ask((database) => readVersion(database, this.#name) ?? 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close()
  }

  #ask<T>(work: (database: Queryable) => T): Promise<T> {
    return this.#database.read('looking at the outbox', work)
  }
}

function eventOf(database: Queryable, name: string, id: bigint): InspectedEvent | null {
  const row = sql.event(database, name, id)
  if (row === undefined) return null
  const [uuid, topic, key, msgType, bytes, storedAt, ageMs] = row
  return {
    id,
    uuid: String(uuid),
    topic: String(topic),
    key: key as string | null,
    msgType: String(msgType),
    bytes: Number(bytes),
    storedAt: new Date(Number(storedAt)),
    ageMs: Math.max(0, Number(ageMs)),
    lane: LANE,
    standing: standingOf(database, name, { id, topic: String(topic), row }),
  }
}

function standingOf(
  database: Queryable,
  name: string,
  { id, topic, row }: { id: bigint; topic: string; row: Row },
): Standing {
  const [pending = null, blockedId = null, dead = null, at, attempts, error = null] = row.slice(7)
  if (pending !== null) {
    const count = sql.before(database, name, id)
    return { state: 'pending', before: cappedOf(count) }
  }
  const block = blockedId === null ? undefined : sql.block(database, name, blockedId as bigint)
  if (block !== undefined) return { state: 'held', block: blockOf(block) }
  if (dead !== null)
    return {
      state: 'dead',
      at: new Date(Number(at)),
      attempts: Number(attempts),
      error: error as string | null,
    }
  const receipt = sql.receipt(database, name, id)
  if (receipt === undefined) return standingWithoutReceipt(row)
  const [ids, publishedAt, acks] = receipt
  let topicRank = 0
  for (const [first, last] of decodeRanges(String(ids)))
    if (first < id)
      topicRank += sql.countOfTopic(database, name, topic, {
        first,
        last: last < id ? last : id - 1n,
      })
  return {
    state: 'delivered',
    publishedAt: new Date(Number(publishedAt)),
    acks: JSON.parse(String(acks)) as Ack[],
    topicRank,
  }
}

/** What neither waits nor was published: an operator gave it up, or nobody knows. */
function standingWithoutReceipt(row: Row): Standing {
  const [discarded = null, at, actor, reason] = row.slice(13)
  if (discarded === null) return { state: 'untracked' }
  return {
    state: 'discarded',
    at: new Date(Number(at)),
    actor: String(actor ?? ''),
    reason: String(reason ?? ''),
  }
}

function blockOf(row: Row): InspectedBlock {
  const [id, topic, key, eventId, lane, state, error, attempts] = row
  const [since, retryAt = null, headId = null, headUuid = null, held] = row.slice(8)
  return {
    id: id as bigint,
    topic: String(topic),
    key: key as string | null,
    eventId: eventId as bigint | null,
    lane: Number(lane),
    state: String(state),
    error: String(error),
    attempts: Number(attempts),
    since: new Date(Number(since)),
    retryAt: retryAt === null ? null : new Date(Number(retryAt)),
    head:
      headId === null || headUuid === null
        ? null
        : { id: headId as bigint, uuid: String(headUuid) },
    held: cappedOf(Number(held)),
  }
}

function relayOf(row: Row): InspectedRelay {
  const [id, state, leaseMs, reportedAt = null, awayMs = null, lastError = null, settledMs = null] =
    row
  return {
    id: String(id),
    state: state as InspectedRelay['state'],
    leaseMs: Number(leaseMs),
    report:
      reportedAt === null
        ? null
        : {
            brokerAwayMs: awayMs === null ? null : Number(awayMs),
            lastError: lastError as string | null,
            settledMs: settledMs === null ? null : Number(settledMs),
          },
  }
}

function cappedOf(count: number): { count: number; capped: boolean } {
  return { count: Math.min(count, INSPECTION_CAP), capped: count > INSPECTION_CAP }
}

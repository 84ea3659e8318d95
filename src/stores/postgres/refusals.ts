import type { BlockedEntry, DueRequest, ParkedEvents } from '../../core/outbox-store.ts'
import type { BlockedScope } from '../../core/outbox-terms.ts'
import type { RefusedEvent } from '../../core/refusals.ts'
import type { Queryable, Row } from './database.ts'
import { numberArray, textArray } from './sql-text.ts'

const COLUMNS = 'id, topic, key, event_id, lane, error, state, attempts'

/** Records refusals; the ids of the events that it found. `schema` is quoted, here and below. */
export function refuse(
  database: Queryable,
  schema: string,
  relayId: string,
  refused: readonly RefusedEvent[],
): Promise<readonly bigint[]> {
  const entries = refused.map(({ scope, error, attempts, next }) => ({
    ...columnsOf(scope, error),
    attempts,
    state: next.state,
    after_ms: next.state === 'retrying' ? next.afterMs : null,
  }))
  return idsOf(
    database,
    `SELECT ${schema}.refuse($1::text::uuid, $2::text::jsonb)`,
    relayId,
    byLane(entries),
  )
}

/** Moves events to what blocks them; the ids that were moved. */
export function park(
  database: Queryable,
  schema: string,
  relayId: string,
  parked: readonly ParkedEvents[],
): Promise<readonly bigint[]> {
  const entries = parked.map(({ scope, error, ids }) => ({
    ...columnsOf(scope, error),
    ids: ids.map(String),
  }))
  return idsOf(
    database,
    `SELECT ${schema}.park($1::text::uuid, $2::text::jsonb)`,
    relayId,
    byLane(entries),
  )
}

/** What is blocked on some lanes, in the order in which it was. */
export async function blocked(
  database: Queryable,
  schema: string,
  lanes: readonly number[],
): Promise<readonly BlockedEntry[]> {
  const { rows } = await database.query(
    `SELECT ${COLUMNS} FROM ${schema}.blocked WHERE lane = ANY ($1::text::smallint[]) ORDER BY id`,
    [numberArray(lanes)],
  )
  return rows.map(entryOf)
}

/** Entries whose time has come, the longest due first. */
export async function due(
  database: Queryable,
  schema: string,
  { lanes, exceptTopics, limit }: DueRequest,
): Promise<readonly BlockedEntry[]> {
  const { rows } = await database.query(
    `SELECT ${COLUMNS} FROM ${schema}.blocked
     WHERE retry_at <= clock_timestamp() AND lane = ANY ($1::text::smallint[]) AND topic <> ALL ($2::text::text[])
     ORDER BY retry_at, id LIMIT $3::text::int`,
    [numberArray(lanes), textArray(exceptTopics), String(limit)],
  )
  return rows.map(entryOf)
}

/** Lets entries drain; the ids of those that do. */
export function drain(
  database: Queryable,
  schema: string,
  relayId: string,
  blockedIds: readonly bigint[],
): Promise<readonly bigint[]> {
  return idsOf(
    database,
    `SELECT ${schema}.drain($1::text::uuid, $2::text::bigint[])`,
    relayId,
    numberArray(blockedIds),
  )
}

/** Removes entries that hold nothing any more; the ids of those that are gone. */
export function unblock(
  database: Queryable,
  schema: string,
  relayId: string,
  blockedIds: readonly bigint[],
): Promise<readonly bigint[]> {
  return idsOf(
    database,
    `SELECT ${schema}.unblock($1::text::uuid, $2::text::bigint[])`,
    relayId,
    numberArray(blockedIds),
  )
}

interface Columns {
  readonly topic: string
  readonly key: string | null
  readonly event_id: string | null
  readonly lane: number
  readonly error: string
}

function columnsOf({ topic, key, eventId, lane }: BlockedScope, error: string): Columns {
  const text = error.replaceAll('\0', '').toWellFormed()
  return { topic, key, event_id: eventId === null ? null : String(eventId), lane, error: text }
}

/** In one order of lanes, so that two relays never wait for each other. */
function byLane(entries: readonly Columns[]): string {
  return JSON.stringify(entries.toSorted((a, b) => a.lane - b.lane))
}

async function idsOf(
  database: Queryable,
  sql: string,
  ...values: readonly string[]
): Promise<readonly bigint[]> {
  const { rows } = await database.query(sql, values)
  return rows.map(([id]) => BigInt(id ?? 0))
}

function entryOf([id, topic, key, eventId, lane, error, state, attempts]: Row): BlockedEntry {
  return {
    id: BigInt(id ?? 0),
    topic: topic ?? '',
    key: key ?? null,
    eventId: eventId === null || eventId === undefined ? null : BigInt(eventId),
    lane: Number(lane),
    error: error ?? '',
    state: state as BlockedEntry['state'],
    attempts: Number(attempts),
  }
}

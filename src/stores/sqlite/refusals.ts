import type {
  BlockedEntry,
  BlockedScope,
  DueRequest,
  ParkedEvents,
} from '../../core/outbox-store.ts'
import type { RefusedEvent } from '../../core/refusals.ts'
import { NOW } from './clock-sql.ts'
import type { Queryable, Row } from './database.ts'
import { ownsLane } from './membership.ts'

const MAX_ERROR_LENGTH = 500
const COLUMNS = 'id, topic, key, event_id, lane, error, state, attempts'

/**
 * Records refusals; the ids of the events that it found. `name` is what the names of the tables
 * begin with, here and below.
 */
export function refuse(
  database: Queryable,
  name: string,
  relayId: string,
  refused: readonly RefusedEvent[],
): readonly bigint[] {
  const recorded = refused.filter(
    (one) => ownsLane(database, name, relayId, one.scope.lane) && record(database, name, one),
  )
  return recorded.map(({ scope }) => scope.eventId)
}

/** `false` where the event is settled, dead or discarded: that is decided. */
function record(database: Queryable, name: string, one: RefusedEvent): boolean {
  const { scope, attempts, next } = one
  const { eventId: id, lane } = scope
  if (!waits(database, name, id, lane)) return false
  const error = shortened(one.error)
  const entry =
    findBlocked(database, name, scope)?.id ?? insertBlocked(database, name, scope, error)
  const afterMs = next.state === 'retrying' ? next.afterMs : next.state === 'dead' ? 0 : null
  database.run(
    `update ${name}_blocked set event_id = ?, error = ?, attempts = ?, state = ?,
       retry_at = ${NOW} + ? where id = ?`,
    id,
    error,
    attempts,
    next.state === 'dead' ? 'draining' : next.state,
    afterMs === null ? null : Math.round(afterMs),
    entry,
  )
  hold(database, name, entry, id, lane)
  if (next.state === 'dead') bury(database, name, one, entry)
  return true
}

function waits(database: Queryable, name: string, id: bigint, lane: number): boolean {
  const row = database.first(
    `select 1 from ${name}_delivery where id = ?1 and lane = ?2
     union all select 1 from ${name}_held where id = ?1 and lane = ?2`,
    id,
    lane,
  )
  return row !== undefined
}

function bury(database: Queryable, name: string, one: RefusedEvent, entry: bigint): void {
  const { eventId, key } = one.scope
  database.run(
    `insert into ${name}_dead (id, attempts, error, redelivered)
     select id, ?, ?, redelivered from ${name}_held where id = ?`,
    one.attempts,
    shortened(one.error),
    eventId,
  )
  database.run(`delete from ${name}_held where id = ?`, eventId)
  // Nothing waits behind an event without a key.
  if (key === null) database.run(`delete from ${name}_blocked where id = ?`, entry)
}

/** Moves events to what blocks them; the ids that were moved. */
export function park(
  database: Queryable,
  name: string,
  relayId: string,
  parked: readonly ParkedEvents[],
): readonly bigint[] {
  const moved: bigint[] = []
  for (const { scope, error, ids } of parked) {
    if (!ownsLane(database, name, relayId, scope.lane)) continue
    const entry =
      findBlocked(database, name, scope)?.id ?? insertBlocked(database, name, scope, error)
    for (const id of ids) if (hold(database, name, entry, id, scope.lane)) moved.push(id)
  }
  return moved
}

/** What is blocked on some lanes, in the order in which it was. */
export function blocked(
  database: Queryable,
  name: string,
  lanes: readonly number[],
): readonly BlockedEntry[] {
  const rows = database.all(
    `select ${COLUMNS} from ${name}_blocked where lane in (select value from json_each(?)) order by id`,
    JSON.stringify(lanes),
  )
  return rows.map(entryOf)
}

/** Entries whose time has come, the longest due first. */
export function due(
  database: Queryable,
  name: string,
  { lanes, exceptTopics, limit }: DueRequest,
): readonly BlockedEntry[] {
  const rows = database.all(
    `select ${COLUMNS} from ${name}_blocked
     where retry_at <= ${NOW} and lane in (select value from json_each(?))
       and topic not in (select value from json_each(?)) order by retry_at, id limit ?`,
    JSON.stringify(lanes),
    JSON.stringify(exceptTopics),
    limit,
  )
  return rows.map(entryOf)
}

/** Lets entries drain; the ids of those that do. */
export function drain(
  database: Queryable,
  name: string,
  relayId: string,
  blockedIds: readonly bigint[],
): readonly bigint[] {
  return blockedIds.filter((id) => {
    if (!ownsLaneOf(database, name, relayId, id)) return false
    database.run(`update ${name}_blocked set state = 'draining', retry_at = null where id = ?`, id)
    return true
  })
}

/** Removes entries that hold nothing any more; the ids of those that are gone. */
export function unblock(
  database: Queryable,
  name: string,
  relayId: string,
  blockedIds: readonly bigint[],
): readonly bigint[] {
  return blockedIds.filter((id) => {
    if (ownsLaneOf(database, name, relayId, id))
      database.run(
        `delete from ${name}_blocked where id = ?1
         and not exists (select 1 from ${name}_held where blocked_id = ?1)`,
        id,
      )
    return database.first(`select 1 from ${name}_blocked where id = ?`, id) === undefined
  })
}

function ownsLaneOf(database: Queryable, name: string, relayId: string, entry: bigint): boolean {
  const row = database.first(`select lane from ${name}_blocked where id = ?`, entry)
  return row !== undefined && ownsLane(database, name, relayId, row[0] as bigint)
}

/** The entry of a scope. A key has one, whatever its head. */
export function findBlocked(
  database: Queryable,
  name: string,
  scope: BlockedScope,
): Pick<BlockedEntry, 'id' | 'state'> | null {
  const { lane, topic, key, eventId } = scope
  const place = `select id, state from ${name}_blocked where lane = ? and topic = ?`
  const row =
    key === null
      ? database.first(`${place} and key is null and event_id is ?`, lane, topic, eventId)
      : database.first(`${place} and key = ?`, lane, topic, key)
  if (row === undefined) return null
  return { id: row[0] as bigint, state: row[1] as BlockedEntry['state'] }
}

/** Adds an entry: a whole topic is blocked, anything else is due to be drained. */
export function insertBlocked(
  database: Queryable,
  name: string,
  scope: BlockedScope,
  error: string,
): bigint {
  const isTopic = scope.key === null && scope.eventId === null
  const row = database.first(
    `insert into ${name}_blocked (topic, key, event_id, lane, error, state, retry_at)
     values (?, ?, ?, ?, ?, ${isTopic ? "'blocked', null" : `'draining', ${NOW}`}) returning id`,
    scope.topic,
    scope.key,
    scope.eventId,
    scope.lane,
    shortened(error),
  )
  return row?.[0] as bigint
}

/** Moves an event under an entry: from what is to be delivered, or from another one. */
function hold(database: Queryable, name: string, entry: bigint, id: bigint, lane: number): boolean {
  const gone = database.run(`delete from ${name}_delivery where id = ? and lane = ?`, id, lane)
  if (gone === 0) {
    const moved = database.run(
      `update ${name}_held set blocked_id = ?1 where id = ?2 and lane = ?3 and blocked_id <> ?1`,
      entry,
      id,
      lane,
    )
    return moved === 1
  }
  database.run(`insert into ${name}_held (blocked_id, id, lane) values (?, ?, ?)`, entry, id, lane)
  return true
}

function shortened(error: string): string {
  return error.slice(0, MAX_ERROR_LENGTH).replaceAll('\0', '').toWellFormed()
}

function entryOf([id, topic, key, eventId, lane, error, state, attempts]: Row): BlockedEntry {
  return {
    id: id as bigint,
    topic: topic as string,
    key: key as string | null,
    eventId: eventId as bigint | null,
    lane: Number(lane),
    error: error as string,
    state: state as BlockedEntry['state'],
    attempts: Number(attempts),
  }
}

import {
  type Backlog,
  BACKLOG_CAP,
  type BlockedEntry,
  type BlockedScope,
  type ParkedEvents,
  type SettledBatch,
} from '../../core/outbox-store.ts'
import { NOW } from './clock-sql.ts'
import type { Queryable } from './database.ts'
import { encodeRanges } from './id-lists.ts'
import { ownsLane } from './membership.ts'

const MAX_ERROR_LENGTH = 500

/**
 * Takes a batch off what is to be delivered; `false` where it was settled before. `name` is what
 * the names of the tables begin with, here and below.
 */
export function settle(database: Queryable, name: string, batch: SettledBatch): boolean {
  const { relayId, number, ids, acks } = batch
  const first = database.run(
    `update ${name}_relays set settled = ?1 where id = ?2 and settled < ?1`,
    number,
    relayId,
  )
  if (first === 0) return false
  for (const [from, to] of ids) {
    database.run(`delete from ${name}_delivery where id between ? and ?`, from, to)
    database.run(`delete from ${name}_held where id between ? and ?`, from, to)
  }
  const [start, end] = [ids[0]?.[0], ids.at(-1)?.[1]]
  if (start !== undefined && end !== undefined)
    database.run(
      `insert into ${name}_receipts (first_id, last_id, ids, acks) values (?, ?, ?, ?)`,
      start,
      end,
      encodeRanges(ids),
      JSON.stringify(acks),
    )
  return true
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
    const blockedId =
      findBlocked(database, name, scope) ?? insertBlocked(database, name, scope, error)
    for (const id of ids) {
      if (
        hold(database, name, blockedId, id, scope.lane) ||
        holdElsewhere(database, name, blockedId, id, scope.lane)
      )
        moved.push(id)
    }
  }
  return moved
}

function findBlocked(database: Queryable, name: string, scope: BlockedScope): bigint | null {
  const row = database.first(
    `select id from ${name}_blocked where lane = ? and topic = ? and key is ? and event_id is ?`,
    scope.lane,
    scope.topic,
    scope.key,
    scope.eventId,
  )
  return row === undefined ? null : (row[0] as bigint)
}

function insertBlocked(
  database: Queryable,
  name: string,
  scope: BlockedScope,
  error: string,
): bigint {
  const row = database.first(
    `insert into ${name}_blocked (topic, key, event_id, lane, error) values (?, ?, ?, ?, ?) returning id`,
    scope.topic,
    scope.key,
    scope.eventId,
    scope.lane,
    error.slice(0, MAX_ERROR_LENGTH).replaceAll('\0', '').toWellFormed(),
  )
  return row?.[0] as bigint
}

/** Moves an event from what is to be delivered. */
function hold(
  database: Queryable,
  name: string,
  blockedId: bigint,
  id: bigint,
  lane: number,
): boolean {
  const gone = database.run(`delete from ${name}_delivery where id = ? and lane = ?`, id, lane)
  if (gone === 0) return false
  database.run(
    `insert into ${name}_held (blocked_id, id, lane) values (?, ?, ?)`,
    blockedId,
    id,
    lane,
  )
  return true
}

/** Moves an event from another blocked entry. */
function holdElsewhere(
  database: Queryable,
  name: string,
  blockedId: bigint,
  id: bigint,
  lane: number,
): boolean {
  const moved = database.run(
    `update ${name}_held set blocked_id = ?1 where id = ?2 and lane = ?3 and blocked_id <> ?1`,
    blockedId,
    id,
    lane,
  )
  return moved === 1
}

/** What is blocked on some lanes, in the order in which it was. */
export function blocked(
  database: Queryable,
  name: string,
  lanes: readonly number[],
): readonly BlockedEntry[] {
  const rows = database.all(
    `select id, topic, key, event_id, lane, error from ${name}_blocked
     where lane in (select value from json_each(?)) order by id`,
    JSON.stringify(lanes),
  )
  return rows.map(([id, topic, key, eventId, lane, error]) => ({
    id: id as bigint,
    topic: topic as string,
    key: key as string | null,
    eventId: eventId as bigint | null,
    lane: Number(lane),
    error: error as string,
  }))
}

/** Removes a blocked entry that holds nothing any more. */
export function unblock(
  database: Queryable,
  name: string,
  relayId: string,
  blockedId: bigint,
): boolean {
  const row = database.first(`select lane from ${name}_blocked where id = ?`, blockedId)
  if (row === undefined) return true
  if (!ownsLane(database, name, relayId, row[0] as bigint)) return false
  const removed = database.run(
    `delete from ${name}_blocked where id = ?1 and not exists (select 1 from ${name}_held where blocked_id = ?1)`,
    blockedId,
  )
  return removed === 1
}

/** Counts up to the cap. */
export function backlog(database: Queryable, name: string): Backlog {
  const count = (table: string): string =>
    `(select count(*) from (select 1 from ${name}_${table} limit ${BACKLOG_CAP}))`
  const row = database.first(
    `select ${count('delivery')}, (select ${NOW} - stored_timestamp from ${name}_events
       where id = (select min(id) from ${name}_delivery)),
     ${count('blocked')}, ${count('held')}, ${count('dead')}`,
  )
  const [pending, age = null, blockedCount, held, dead] = row ?? []
  return {
    pending: Number(pending),
    oldestAgeMs: age === null ? null : Math.max(0, Number(age)),
    blocked: Number(blockedCount),
    held: Number(held),
    dead: Number(dead),
  }
}

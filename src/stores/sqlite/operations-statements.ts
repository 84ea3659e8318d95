import type {
  BlockedRequest,
  DeadRequest,
  OperatorFilter,
  PublishedRequest,
} from '../../core/outbox-operations.ts'
import { HELD_CAP } from '../../core/outbox-operations.ts'
import type { Queryable, Row } from './database.ts'
import type { SqliteValue } from './sqlite-client.ts'

/** Rows that a page looks at, which bounds its time whatever the filter leaves of them. */
const WINDOW = 5_000
/** It holds up this process for its time. */
const PUBLISHED_WINDOW = 10_000
const LAST = 2n ** 63n - 1n

export interface PageRows {
  readonly rows: readonly Row[]
  /** The last id that was looked at, `null` where there is no more. */
  readonly end: bigint | null
}

/** `name` is what the names of the tables begin with, here and below. */
export function dead(database: Queryable, name: string, request: DeadRequest): PageRows {
  const { filter, after, limit, upTo } = request
  const end = endOf(database, `${name}_dead`, after, WINDOW)
  const [where, values] = conditions(
    filter,
    { table: 'e', error: 'd.error', at: 'd.at', uuid: 'e.uuid' },
    upTo,
  )
  const rows = database.all(
    `select d.id, e.uuid, e.topic, e.key, e.msg_type, coalesce(length(e.payload), 0), e.stored_timestamp, d.at, d.attempts,
       coalesce(d.error, ''), d.redelivered
     from ${name}_dead d cross join ${name}_events e on e.id = d.id
     where d.id > ? and d.id <= ? and ${where} order by d.id limit ?`,
    after,
    end ?? LAST,
    ...values,
    limit,
  )
  return { rows, end }
}

export function blocked(database: Queryable, name: string, request: BlockedRequest): PageRows {
  const { filter, after, limit, upTo } = request
  const end = endOf(database, `${name}_blocked`, after, WINDOW)
  const [where, values] = conditions(
    filter,
    { table: 'b', error: 'b.error', at: 'b.since', uuid: 'u.uuid' },
    upTo,
  )
  const rows = database.all(
    `select b.id, b.topic, b.key, b.lane, b.state, b.error, b.attempts, b.since, b.retry_at,
       b.key is null and b.event_id is null, u.id, u.uuid,
       (select count(*) from (select 1 from ${name}_held where blocked_id = b.id limit ${HELD_CAP}))
     from ${name}_blocked b left join ${name}_events u on u.id = coalesce(
       (select id from ${name}_held where blocked_id = b.id and id = b.event_id), (select min(id) from ${name}_held where blocked_id = b.id))
     where b.id > ? and b.id <= ? and ${where} order by b.id limit ?`,
    after,
    end ?? LAST,
    ...values,
    limit,
  )
  return { rows, end }
}

export function held(
  database: Queryable,
  name: string,
  blockedId: bigint,
  limit: number,
): readonly Row[] {
  return database.all(
    `select h.id, e.uuid, e.msg_type, coalesce(length(e.payload), 0), e.stored_timestamp, h.redelivered
     from ${name}_held h cross join ${name}_events e on e.id = h.id where h.blocked_id = ? order by h.id limit ?`,
    blockedId,
    limit,
  )
}

export function contents(database: Queryable, name: string, eventId: bigint): Row | undefined {
  return database.first(
    `select mime_type, headers, payload from ${name}_events where id = ?`,
    eventId,
  )
}

export function published(database: Queryable, name: string, request: PublishedRequest): PageRows {
  const { keys, after, limit } = request
  const end = endOf(database, `${name}_events`, after, PUBLISHED_WINDOW)
  const none = (table: string): string =>
    `not exists (select 1 from ${name}_${table} t where t.id = e.id)`
  const rows = database.all(
    `select e.id, e.uuid, e.topic, e.key from ${name}_events e where e.id > ? and e.id <= ?
       and e.key in (select value from json_each(?)) and e.topic in (select value from json_each(?))
       and ${['delivery', 'held', 'dead', 'discarded'].map(none).join(' and ')} order by e.id limit ?`,
    after,
    end ?? LAST,
    JSON.stringify(keys.map(({ key }) => key)),
    JSON.stringify(keys.map(({ topic }) => topic)),
    limit,
  )
  return { rows, end }
}

export function audit(
  database: Queryable,
  name: string,
  { uuids, limit }: { readonly uuids?: readonly string[]; readonly limit: number },
): readonly Row[] {
  const about =
    uuids === undefined
      ? '?1 is null'
      : `exists (select 1 from json_each(details, '$.uuids') u where u.value in (select value from json_each(?1)))`
  return database.all(
    `select id, bulk, at, actor, action, filter, reason, matched, done, details from ${name}_audit
     where ${about} order by id desc limit ?2`,
    uuids === undefined ? null : JSON.stringify(uuids),
    limit,
  )
}

function endOf(database: Queryable, table: string, after: bigint, window: number): bigint | null {
  const row = database.first(
    `select id from ${table} where id > ? order by id limit 1 offset ${window - 1}`,
    after,
  )
  return row === undefined ? null : (row[0] as bigint)
}

interface Columns {
  readonly table: string
  readonly error: string
  readonly at: string
  readonly uuid: string
}

function conditions(
  { uuids, topic, key, error: pattern, from, to }: OperatorFilter,
  { table, error, at, uuid }: Columns,
  upTo: Date,
): readonly [string, readonly SqliteValue[]] {
  const all: (readonly [string, SqliteValue])[] = [[`${at} <= ?`, BigInt(upTo.getTime())]]
  // A sender in plain SQL may have written capitals.
  if (uuids !== undefined)
    all.push([`lower(${uuid}) in (select value from json_each(?))`, JSON.stringify(uuids)])
  if (topic !== undefined) all.push([`${table}.topic = ?`, topic])
  if (key !== undefined) all.push([`${table}.key = ?`, key])
  if (pattern !== undefined) all.push([`coalesce(${error}, '') glob ?`, globPattern(pattern)])
  if (from !== undefined) all.push([`${at} >= ?`, BigInt(from.getTime())])
  if (to !== undefined) all.push([`${at} < ?`, BigInt(to.getTime())])
  return [all.map(([one]) => one).join(' and '), all.map(([, value]) => value)]
}

function globPattern(pattern: string): string {
  return pattern.replaceAll(/[?[]/g, '[$&]')
}

import type {
  BlockedRequest,
  DeadRequest,
  OperatorFilter,
  PublishedRequest,
} from '../../core/outbox-operations.ts'
import { HELD_CAP } from '../../core/outbox-operations.ts'
import { quoteLiteral, textArray } from './sql-text.ts'

/** Rows that a page looks at, which bounds its time whatever the filter leaves of them. */
const WINDOW = 5_000
/** Events are wide. */
const PUBLISHED_WINDOW = 20_000

/** The last id of a page's rows, null where they are the last ones; then what the filter leaves of them. */
export type PageSql = readonly [end: string, items: string]

/** `schema` is quoted, here and below. */
export function deadSql(schema: string, request: DeadRequest): PageSql {
  const { filter, after, limit, upTo } = request
  const end = endSql(`${schema}.dead`, after, WINDOW)
  return [
    end,
    `SELECT d.id, e.uuid, e.topic, e.key, e.msg_type, coalesce(octet_length(e.payload), 0), ${ms('e.stored_timestamp')},
  ${ms('d.at')}, d.attempts, d.error, d.redelivered
FROM (SELECT id, at, attempts, error, redelivered FROM ${schema}.dead WHERE id > ${after} AND id <= ${orLast(end)} ORDER BY id) d
CROSS JOIN LATERAL (SELECT uuid, topic, key, msg_type, payload, stored_timestamp FROM ${schema}.events WHERE events.id = d.id LIMIT 1) e
WHERE ${conditions(filter, { table: 'e', error: 'd.error', at: 'd.at', uuid: 'e.uuid' }, upTo)} ORDER BY d.id LIMIT ${limit}`,
  ]
}

export function blockedSql(schema: string, request: BlockedRequest): PageSql {
  const { filter, after, limit, upTo } = request
  const end = endSql(`${schema}.blocked`, after, WINDOW)
  return [
    end,
    `SELECT b.id, b.topic, b.key, b.lane, b.state, b.error, b.attempts, ${ms('b.since')}, ${ms('b.retry_at')},
  b.key IS NULL AND b.event_id IS NULL, h.id, u.uuid,
  (SELECT count(*) FROM (SELECT FROM ${schema}.held WHERE blocked_id = b.id LIMIT ${HELD_CAP}) n)
FROM (SELECT id, topic, key, event_id, lane, state, error, attempts, since, retry_at FROM ${schema}.blocked WHERE id > ${after} AND id <= ${orLast(end)} ORDER BY id) b
LEFT JOIN LATERAL (SELECT coalesce((SELECT id FROM ${schema}.held WHERE blocked_id = b.id AND id = b.event_id),
  (SELECT id FROM ${schema}.held WHERE blocked_id = b.id ORDER BY blocked_id, id LIMIT 1)) AS id) h ON true
LEFT JOIN LATERAL (SELECT uuid FROM ${schema}.events WHERE events.id = h.id LIMIT 1) u ON true
WHERE ${conditions(filter, { table: 'b', error: 'b.error', at: 'b.since', uuid: 'u.uuid' }, upTo)} ORDER BY b.id LIMIT ${limit}`,
  ]
}

export function heldSql(schema: string, blockedId: bigint, limit: number): string {
  return `SELECT h.id, e.uuid, e.msg_type, coalesce(octet_length(e.payload), 0), ${ms('e.stored_timestamp')}, h.redelivered
FROM (SELECT id, redelivered FROM ${schema}.held WHERE blocked_id = ${blockedId} ORDER BY blocked_id, id LIMIT ${limit}) h
CROSS JOIN LATERAL (SELECT uuid, msg_type, payload, stored_timestamp FROM ${schema}.events WHERE events.id = h.id LIMIT 1) e ORDER BY h.id`
}

export function contentsSql(schema: string, eventId: bigint): string {
  return `SELECT mime_type, headers::text, encode(payload, 'base64') FROM ${schema}.events WHERE id = ${eventId}`
}

export function publishedSql(schema: string, request: PublishedRequest): PageSql {
  const { keys, after, limit } = request
  const end = endSql(`${schema}.events`, after, PUBLISHED_WINDOW)
  const none = (table: string): string =>
    `NOT EXISTS (SELECT FROM ${schema}.${table} t WHERE t.id = e.id)`
  const texts = (of: 'topic' | 'key'): string =>
    `${quoteLiteral(textArray([...new Set(keys.map((one) => one[of]))]))}::text[]`
  return [
    end,
    `SELECT e.id, e.uuid, e.topic, e.key FROM ${schema}.events e
WHERE e.id > ${after} AND e.id <= ${orLast(end)} AND e.key = ANY (${texts('key')}) AND e.topic = ANY (${texts('topic')})
  AND ${['delivery', 'held', 'dead', 'discarded'].map(none).join(' AND ')} ORDER BY e.id LIMIT ${limit}`,
  ]
}

export function auditSql(
  schema: string,
  { uuids, limit }: { readonly uuids?: readonly string[]; readonly limit: number },
): string {
  const about =
    uuids === undefined ? 'true' : `details -> 'uuids' ?| ${quoteLiteral(textArray(uuids))}::text[]`
  return `SELECT id, bulk, ${ms('at')}, actor, action, filter::text, reason, matched, done, details::text
FROM ${schema}.audit WHERE ${about} ORDER BY id DESC LIMIT ${limit}`
}

function endSql(table: string, after: bigint, window: number): string {
  return `SELECT id FROM ${table} WHERE id > ${after} ORDER BY id OFFSET ${window - 1} LIMIT 1`
}

function orLast(end: string): string {
  return `coalesce((${end}), 9223372036854775807)`
}

interface Columns {
  readonly table: string
  readonly error: string
  readonly at: string
  readonly uuid: string
}

function conditions(
  filter: OperatorFilter,
  { table, error, at, uuid }: Columns,
  upTo: Date,
): string {
  const { uuids, topic, key, error: pattern, from, to } = filter
  const all = [
    `${at} < ${time(upTo)} + interval '1 millisecond'`,
    uuids && `${uuid} = ANY (${quoteLiteral(textArray(uuids))}::uuid[])`,
    topic === undefined ? undefined : `${table}.topic = ${quoteLiteral(topic)}`,
    key === undefined ? undefined : `${table}.key = ${quoteLiteral(key)}`,
    pattern === undefined
      ? undefined
      : `coalesce(${error}, '') LIKE ${quoteLiteral(likePattern(pattern))} ESCAPE '!'`,
    from && `${at} >= ${time(from)}`,
    to && `${at} < ${time(to)}`,
  ]
  return all.filter((one) => one !== undefined).join(' AND ')
}

function likePattern(pattern: string): string {
  return pattern.replaceAll(/[!%_]/g, '!$&').replaceAll('*', '%')
}

function time(date: Date): string {
  return `timestamptz '${date.toISOString()}'`
}

/** Milliseconds since the epoch, as text without a fraction. */
function ms(column: string): string {
  return `floor(extract(epoch FROM ${column}) * 1000)`
}

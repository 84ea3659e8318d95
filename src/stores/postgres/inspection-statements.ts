import { INSPECTION_CAP } from '../../core/outbox-inspection.ts'
import type { IdBounds } from '../../core/outbox-inspection.ts'
import type { BlockedScope } from '../../core/outbox-store.ts'
import { quoteLiteral } from './sql-text.ts'

/** More are not looked at. */
const MOST_TRANSACTIONS = 1_000

/** `schema` is quoted, here and below. */
export function boundsSql(schema: string): string {
  return `SELECT (SELECT id FROM ${schema}.events ORDER BY id LIMIT 1), (SELECT id FROM ${schema}.events ORDER BY id DESC LIMIT 1)`
}

/** Halves the range of ids until it knows the first one of a time: there is no index by time. */
export function idAtSql(schema: string, time: Date): string {
  return `WITH RECURSIVE search(low, high) AS (
  SELECT (SELECT id FROM ${schema}.events ORDER BY id LIMIT 1), (SELECT id + 1 FROM ${schema}.events ORDER BY id DESC LIMIT 1)
  UNION ALL
  SELECT CASE WHEN e.early THEN e.id + 1 ELSE s.low END, CASE WHEN e.early THEN s.high ELSE m.middle END
  FROM search s CROSS JOIN LATERAL (SELECT (s.low + s.high) / 2 AS middle) m
  CROSS JOIN LATERAL (SELECT id, stored_timestamp < ${quoteLiteral(time.toISOString())}::timestamptz AS early
    FROM ${schema}.events WHERE id >= m.middle ORDER BY id LIMIT 1) e
  WHERE s.low < s.high)
SELECT coalesce(max(low), 0) FROM search WHERE low >= high`
}

export function findBetweenSql(schema: string, uuid: string, { first, last }: IdBounds): string {
  return `SELECT id FROM ${schema}.events WHERE id BETWEEN ${first} AND ${last} AND uuid = ${quoteLiteral(uuid)}::uuid ORDER BY id LIMIT 1`
}

/** An event, whether it waits, is held, dead or discarded, and its receipt. */
export function eventSql(schema: string, id: bigint): string {
  return `SELECT e.id, e.uuid, e.topic, e.key, e.msg_type, coalesce(octet_length(e.payload), 0), ${ms('e.stored_timestamp')},
  ${agoMs('e.stored_timestamp')}, ${schema}.lane(e.key, e.id),
  EXISTS (SELECT FROM ${schema}.delivery d WHERE d.id = e.id),
  (SELECT h.blocked_id FROM ${schema}.held h WHERE h.id = e.id LIMIT 1),
  x.id, ${ms('x.at')}, x.attempts, x.error, r.id, ${ms('r.published_at')}, r.acks::text,
  z.id, ${ms('z.at')}, a.actor, a.reason
FROM (SELECT * FROM ${schema}.events WHERE id = ${id}) e
LEFT JOIN ${schema}.dead x ON x.id = e.id
LEFT JOIN ${schema}.discarded z ON z.id = e.id
LEFT JOIN ${schema}.audit a ON a.id = z.audit
LEFT JOIN LATERAL (SELECT id, published_at, acks FROM ${schema}.receipts WHERE ids @> e.id LIMIT 1) r ON true`
}

/** How many events of its topic come before one in a published batch. */
export function topicRankSql(schema: string, receipt: string, id: bigint): string {
  return `SELECT count(*) FROM (SELECT ids FROM ${schema}.receipts WHERE id = ${BigInt(receipt)}) r
CROSS JOIN LATERAL unnest(r.ids) g
CROSS JOIN LATERAL (SELECT topic FROM ${schema}.events WHERE id >= lower(g) AND id < least(upper(g), ${id})) e
WHERE e.topic = (SELECT topic FROM ${schema}.events WHERE id = ${id})`
}

/** Events of a lane before an id, among so many before it, and how many were looked at. */
export function beforeSql(schema: string, lane: number, id: bigint): string {
  return `SELECT count(*) FILTER (WHERE lane = ${lane}), count(*) FROM (
  SELECT lane FROM ${schema}.delivery WHERE id < ${id} ORDER BY id DESC LIMIT ${INSPECTION_CAP * 10}) d`
}

const BLOCK = `b.id, b.topic, b.key, b.event_id, b.lane, b.state, b.error, b.attempts`

function blockColumns(schema: string): string {
  return `${BLOCK}, ${ms('b.since')}, ${ms('b.retry_at')}, h.id,
  (SELECT uuid FROM ${schema}.events WHERE id = h.id),
  (SELECT count(*) FROM (SELECT FROM ${schema}.held WHERE blocked_id = b.id LIMIT ${INSPECTION_CAP + 1}) n)`
}

function headJoin(schema: string): string {
  return `LEFT JOIN LATERAL (SELECT id FROM ${schema}.held WHERE blocked_id = b.id ORDER BY blocked_id, id LIMIT 1) h ON true`
}

export function blockSql(schema: string, id: string): string {
  return `SELECT ${blockColumns(schema)} FROM ${schema}.blocked b ${headJoin(schema)} WHERE b.id = ${BigInt(id)}`
}

/** Of the scope itself, then of its topic. By the index of scopes. */
export function blocksSql(schema: string, { topic, key, eventId, lane }: BlockedScope): string {
  const [t, k] = [quoteLiteral(topic), key === null ? 'NULL::text' : quoteLiteral(key)]
  const hash = `coalesce(hashtextextended(b.key, 0), b.event_id, 0)`
  const own = `coalesce(hashtextextended(${k}, 0), ${eventId ?? 'NULL'}::bigint, 0)`
  return `SELECT ${blockColumns(schema)} FROM ${schema}.blocked b ${headJoin(schema)}
WHERE b.lane = ${lane} AND b.topic = ${t} AND ${hash} IN (${own}, 0)
  AND ((b.key IS NOT DISTINCT FROM ${k} AND b.event_id IS NOT DISTINCT FROM ${eventId ?? 'NULL'}::bigint) OR (b.key IS NULL AND b.event_id IS NULL))
ORDER BY b.key IS NULL AND b.event_id IS NULL, b.id LIMIT 2`
}

export function lanesSql(schema: string): string {
  return `SELECT lane, owner, epoch FROM ${schema}.lanes ORDER BY lane`
}

export function relaysSql(schema: string): string {
  // By one look at the clock, and rounded down: a lease that ran out has less than nothing left.
  return `SELECT id, CASE WHEN fenced_at IS NOT NULL THEN 'fenced' WHEN expires_at < now THEN 'expired' ELSE 'live' END,
  floor(extract(epoch FROM expires_at - now) * 1000), reported_at IS NOT NULL, ${agoMs('broker_since')}, last_error, ${agoMs('last_settle_at')}
FROM ${schema}.relays, (SELECT clock_timestamp() AS now) c ORDER BY id LIMIT ${INSPECTION_CAP}`
}

/** Relays that said within the last minute that they wait. */
export function waitingSql(schema: string): string {
  return `SELECT id, ${agoMs('since')}, error FROM ${schema}.waiting_relays
WHERE reported_at > clock_timestamp() - interval '1 minute' ORDER BY since, id LIMIT ${INSPECTION_CAP}`
}

/**
 * Who holds an inserter's lock on the events: from before the first id until the transaction's end.
 * A prepared transaction is named by the lock that it holds on its own id.
 */
export function openTransactionsSql(schema: string): string {
  const start = 'coalesce(a.xact_start, p.prepared)'
  return `SELECT l.pid, ${ms(start)}, ${agoMs(start)},
  CASE WHEN l.pid IS NULL THEN 'prepared' ELSE coalesce(a.state, 'unknown') END, coalesce(a.application_name, p.gid, '')
FROM (SELECT DISTINCT pid, virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = ${quoteLiteral(`${schema}.events`)}::regclass
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'RowExclusiveLock' AND granted) l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN (pg_locks x JOIN pg_prepared_xacts p ON x.locktype = 'transactionid' AND x.pid IS NULL AND p.transaction = x.transactionid)
  ON l.pid IS NULL AND x.virtualtransaction = l.virtualtransaction
ORDER BY 2 NULLS LAST LIMIT ${MOST_TRANSACTIONS}`
}

/** Milliseconds since the epoch, as text without a fraction. */
function ms(column: string): string {
  return `floor(extract(epoch FROM ${column}) * 1000)`
}

export function agoMs(column: string): string {
  return `floor(extract(epoch FROM clock_timestamp() - ${column}) * 1000)`
}

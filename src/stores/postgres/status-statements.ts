import { INSPECTION_CAP } from '../../core/outbox-inspection.ts'
import { agoMs } from './inspection-statements.ts'
import { quoteLiteral } from './sql-text.ts'

const MINUTE = `statement_timestamp() - interval '60 s'`

/** What waits, is held and is dead, by topic: of the oldest of each. `schema` is quoted, here and below. */
export function topicsSql(schema: string): string {
  const kind = (table: string, waits: number, held: number, dead: number): string =>
    `(SELECT e.topic, ${waits} AS waits, ${held} AS held, ${dead} AS dead, e.stored_timestamp AS at
      FROM (SELECT id FROM ${schema}.${table} ORDER BY id LIMIT ${INSPECTION_CAP}) q JOIN ${schema}.events e ON e.id = q.id)`
  // The index of held events is by id too, and some are there twice while they drain.
  return `SELECT topic, sum(waits), ${agoMs('min(at) FILTER (WHERE waits > 0)')}, sum(held), sum(dead)
FROM (${kind('delivery', 1, 0, 0)} UNION ALL ${kind('held', 0, 1, 0)} UNION ALL ${kind('dead', 0, 0, 1)}) t
GROUP BY topic ORDER BY 2 DESC, topic LIMIT ${INSPECTION_CAP}`
}

/** The newest events by topic, and since when. */
export function storedSql(schema: string): string {
  return `SELECT topic, count(*), ${agoMs('min(at)')} FROM (
  SELECT topic, stored_timestamp AS at FROM ${schema}.events ORDER BY id DESC LIMIT ${INSPECTION_CAP}) e
WHERE at > ${MINUTE} GROUP BY topic`
}

/** How many events the newest receipts have, and since when. */
export function publishedSql(schema: string): string {
  return `SELECT coalesce(sum(upper(g) - lower(g)), 0), ${agoMs('min(r.published_at)')}, count(DISTINCT r.id)
FROM (SELECT id, ids, published_at FROM ${schema}.receipts ORDER BY id DESC LIMIT ${INSPECTION_CAP}) r
CROSS JOIN LATERAL unnest(r.ids) g WHERE r.published_at > ${MINUTE}`
}

/** The newest published events by topic. */
export function publishedTopicsSql(schema: string): string {
  return `SELECT topic, count(*) FROM (SELECT e.topic
  FROM (SELECT ids, published_at FROM ${schema}.receipts ORDER BY id DESC LIMIT ${INSPECTION_CAP}) r CROSS JOIN LATERAL unnest(r.ids) g
  CROSS JOIN LATERAL (SELECT topic FROM ${schema}.events WHERE id >= lower(g) AND id < upper(g) ORDER BY id) e
  WHERE r.published_at > ${MINUTE} LIMIT ${INSPECTION_CAP}) t GROUP BY topic`
}

/** By the statistics of the last vacuum or analyze, `-1` where there was none. */
export function ledgerSql(schema: string): string {
  const table = `${quoteLiteral(`${schema}.events`)}::regclass`
  return `SELECT (SELECT reltuples::bigint FROM pg_class WHERE oid = ${table}), pg_total_relation_size(${table}),
  (SELECT id FROM ${schema}.events ORDER BY id LIMIT 1), (SELECT id FROM ${schema}.events ORDER BY id DESC LIMIT 1)`
}

export function versionSql(schema: string): string {
  return `SELECT max(version) FROM ${schema}.migrations`
}

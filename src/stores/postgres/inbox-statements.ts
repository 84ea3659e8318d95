import type { Connection } from './database.ts'
import { timeoutSql } from './bounded-queries.ts'
import { quoteLiteral, textArray } from './sql-text.ts'

/** Our part of the two-key space of advisory locks. */
const LOCK_SPACE = 0x6f64
const CHUNK = 1_000

/**
 * Notes uuids for a group and gives those that are new. One that another transaction has just noted
 * is waited for, up to a time: its process may be frozen. `schema` is quoted, here and below.
 */
export function noteSql(
  schema: string,
  group: string,
  uuids: readonly string[],
  lockTimeoutMs: number,
): string {
  return `SET LOCAL lock_timeout = ${lockTimeoutMs};
INSERT INTO ${schema}.inbox (consumer_group, uuid) SELECT ${quoteLiteral(group)}, u FROM unnest(${quoteLiteral(textArray(uuids))}::uuid[]) u
  ON CONFLICT DO NOTHING RETURNING uuid;
SET LOCAL lock_timeout TO DEFAULT`
}

/** Where a pass through the table has come to: a place in it. */
export interface CleanedChunk {
  readonly deleted: number
  /** `null` at the end, and where another process is cleaning. */
  readonly next: string | null
}

export const BEGINNING = '(0,0)'

/** Deletes a chunk of what lies behind `from`, in the order of the table: each page is read once in a pass. */
export async function cleanChunk(
  connection: Connection,
  schema: string,
  options: { retentionMs: number; from: string; statementTimeoutMs: number },
): Promise<CleanedChunk> {
  const { retentionMs, from, statementTimeoutMs } = options
  const [rows = []] = await connection.script(`BEGIN; ${timeoutSql(statementTimeoutMs)}
WITH elected AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(${LOCK_SPACE}, hashtext(${quoteLiteral(schema)})) AS won),
old AS MATERIALIZED (
  SELECT ctid FROM ${schema}.inbox WHERE (SELECT won FROM elected)
    AND ctid > ${quoteLiteral(from)}::tid AND handled_at < clock_timestamp() - interval '${retentionMs} milliseconds' LIMIT ${CHUNK}),
gone AS (DELETE FROM ${schema}.inbox WHERE ctid = ANY (ARRAY (SELECT ctid FROM old)) RETURNING ctid)
SELECT count(*), max(ctid) FROM gone;
COMMIT`)
  const deleted = Number(rows[0]?.[0] ?? 0)
  return { deleted, next: deleted === CHUNK ? (rows[0]?.[1] ?? null) : null }
}

import type { Database } from './database.ts'
import { planSafeSettings } from './fetch.ts'
import { quoteLiteral, textArray } from './sql-text.ts'

/** Our part of the two-key space of advisory locks. */
const LOCK_SPACE = 0x6f64
const CHUNK = 1_000
/** A table that somebody alters is cleaned later. */
const LOCK_TIMEOUT_MS = 1_000

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

/** How far a cleaning has come. */
export interface CleanedChunk {
  readonly deleted: number
  readonly more: boolean
  /** The newest time among them, in microseconds. */
  readonly upTo: string
}

export const BEGINNING = '0'

/**
 * Deletes a chunk of the oldest rows, from a time on; none where another process is cleaning. What
 * somebody has locked is left for the next cleaning, and nobody is waited for.
 */
export async function cleanChunk(
  database: Database,
  schema: string,
  options: { retentionMs: number; from: string; statementTimeoutMs: number },
): Promise<CleanedChunk> {
  let chunk: CleanedChunk = { deleted: 0, more: false, upTo: options.from }
  const script = `SET TRANSACTION ISOLATION LEVEL READ COMMITTED; ${planSafeSettings(options.statementTimeoutMs)} SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS};
${cleanSql(schema, options)}`
  await database.transaction(script, async (_, [row]) => {
    const deleted = Number(row?.[0] ?? 0)
    chunk = { deleted, more: deleted === CHUNK, upTo: row?.[1] ?? options.from }
    return Promise.resolve()
  })
  return chunk
}

/** Exported for the test of its plan. */
export function cleanSql(
  schema: string,
  { retentionMs, from }: { retentionMs: number; from: string },
): string {
  return `WITH elected AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(${LOCK_SPACE}, hashtext(${quoteLiteral(schema)})) AS won),
old AS MATERIALIZED (
  SELECT ctid FROM ${schema}.inbox WHERE (SELECT won FROM elected)
    AND handled_at >= 'epoch'::timestamptz + interval '${from} us' AND handled_at < now() - interval '${retentionMs} milliseconds'
  ORDER BY handled_at LIMIT ${CHUNK} FOR UPDATE SKIP LOCKED),
gone AS (DELETE FROM ${schema}.inbox WHERE ctid = ANY (ARRAY (SELECT ctid FROM old)) RETURNING handled_at)
SELECT count(*), floor(extract(epoch FROM max(handled_at)) * 1000000)::bigint FROM gone`
}

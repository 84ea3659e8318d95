import {
  type Backlog,
  BACKLOG_CAP,
  type CleanResult,
  type SettledBatch,
} from '../../core/outbox-store.ts'
import type { Queryable } from './database.ts'
import { milliseconds } from './membership.ts'
import { multirange } from './sql-text.ts'

/** Takes a batch off what is to be delivered; `false` where it was settled before. `schema` is quoted, here and below. */
export async function settle(
  database: Queryable,
  schema: string,
  batch: SettledBatch,
): Promise<boolean> {
  const { rows } = await database.query(
    `SELECT ${schema}.settle($1::text::uuid, $2::text::bigint, $3::text::int8multirange, $4::text::jsonb)`,
    [batch.relayId, String(batch.number), multirange(batch.ids), JSON.stringify(batch.acks)],
  )
  return rows[0]?.[0] === 't'
}

/** Counts up to the cap. */
export async function backlog(database: Queryable, schema: string): Promise<Backlog> {
  const count = (table: string): string =>
    `(SELECT count(*) FROM (SELECT FROM ${schema}.${table} LIMIT ${BACKLOG_CAP}) t)`
  const { rows } = await database.query(
    `SELECT ${count('delivery')}, (SELECT floor(extract(epoch FROM clock_timestamp() - e.stored_timestamp) * 1000)
       FROM ${schema}.events e WHERE e.id = (SELECT min(id) FROM ${schema}.delivery)),
     ${count('blocked')}, ${count('held')}, ${count('dead')}`,
  )
  const [pending, age, blockedKeys, held, dead] = rows[0] ?? []
  return {
    pending: Number(pending),
    oldestAgeMs: age === null || age === undefined ? null : Math.max(0, Number(age)),
    blocked: Number(blockedKeys),
    held: Number(held),
    dead: Number(dead),
  }
}

/** Deletes events that were published long enough ago. */
export async function clean(
  database: Queryable,
  schema: string,
  holder: string,
  options: { retentionMs: number; limit: number; leaseMs: number },
): Promise<CleanResult> {
  const { rows } = await database.query(
    `SELECT elected, deleted, more FROM ${schema}.clean($1::text, $2::text::interval, $3::text::interval, $4::text::int)`,
    [
      holder,
      milliseconds(options.leaseMs),
      milliseconds(options.retentionMs),
      String(options.limit),
    ],
  )
  const [elected, deleted, more] = rows[0] ?? []
  return { elected: elected === 't', deleted: Number(deleted), more: more === 't' }
}

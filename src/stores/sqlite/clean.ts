import { setImmediate as nextTurn } from 'node:timers/promises'

import { countIds, type IdRanges } from '../../core/id-ranges.ts'
import type { CleanResult } from '../../core/outbox-store.ts'
import { NOW } from './clock-sql.ts'
import type { Database, Queryable } from './database.ts'
import { decodeRanges, encodeRanges, splitRanges } from './id-lists.ts'

/** More would hold up senders, and everything else in this process. */
const MOST_IN_A_TRANSACTION = 200

export interface CleanOptions {
  readonly retentionMs: number
  readonly limit: number
  readonly leaseMs: number
}

/** Deletes events that were published long enough ago. `name` is what the names of the tables begin with. */
export async function clean(
  database: Database,
  name: string,
  holder: string,
  options: CleanOptions,
): Promise<CleanResult> {
  let deleted = 0
  for (let left = options.limit; ;) {
    const limit = Math.min(left, MOST_IN_A_TRANSACTION)
    const chunk = await database.transaction('cleaning', (connection) =>
      elect(connection, name, holder, options.leaseMs)
        ? cleanChunk(connection, name, { ...options, limit })
        : null,
    )
    if (chunk === null) return { elected: false, deleted, more: false }
    deleted += chunk.deleted
    left -= limit
    if (!chunk.more || left <= 0) return { elected: true, deleted, more: chunk.more }
    await nextTurn()
  }
}

/** `false` where another one is cleaning. */
function elect(database: Queryable, name: string, holder: string, leaseMs: number): boolean {
  const elected = database.run(
    `update ${name}_cleaner set holder = ?1, expires_at = ${NOW} + ?2
     where holder is null or holder = ?1 or expires_at < ${NOW}`,
    holder,
    leaseMs,
  )
  return elected === 1
}

/** One transaction of it. */
export function cleanChunk(
  database: Queryable,
  name: string,
  { retentionMs, limit }: { retentionMs: number; limit: number },
): { deleted: number; more: boolean } {
  let left = limit
  let deleted = 0
  for (const { id, ids, isOld } of oldestReceipts(database, name, retentionMs, limit + 1)) {
    if (!isOld) break
    if (left === 0) return { deleted, more: true }
    const [head, rest] = splitRanges(ids, left)
    for (const [first, last] of head) deleted += deleteEvents(database, name, first, last)
    left -= countIds(head)
    shrinkReceipt(database, name, id, rest)
    if (rest.length > 0) return { deleted, more: true }
  }
  const discarded = forgetDiscarded(database, name, retentionMs, left)
  return { deleted: deleted + discarded.deleted, more: discarded.more }
}

/** They have no receipts. */
function forgetDiscarded(
  database: Queryable,
  name: string,
  retentionMs: number,
  most: number,
): { deleted: number; more: boolean } {
  const rows = database.all(
    `select id from ${name}_discarded where at <= ${NOW} - ? order by at, id limit ?`,
    retentionMs,
    most + 1,
  )
  let deleted = 0
  for (const [id] of rows.slice(0, most) as [bigint][]) {
    deleted += deleteEvents(database, name, id, id)
    database.run(`delete from ${name}_discarded where id = ?`, id)
  }
  return { deleted, more: rows.length > most }
}

/** They are numbered in the order of publishing. */
function oldestReceipts(
  database: Queryable,
  name: string,
  retentionMs: number,
  count: number,
): readonly { id: bigint; ids: IdRanges; isOld: boolean }[] {
  const rows = database.all(
    `select id, ids, published_at <= ${NOW} - ? from ${name}_receipts order by id limit ?`,
    retentionMs,
    count,
  )
  return rows.map(([id, ids, isOld]) => ({
    id: id as bigint,
    ids: decodeRanges(ids as string),
    isOld: isOld === 1n,
  }))
}

/** Leaves what is pending, held or dead. */
function deleteEvents(database: Queryable, name: string, first: bigint, last: bigint): number {
  return database.run(
    `delete from ${name}_events where id between ? and ?
       and not exists (select 1 from ${name}_delivery d where d.id = ${name}_events.id)
       and not exists (select 1 from ${name}_held h where h.id = ${name}_events.id)
       and not exists (select 1 from ${name}_dead x where x.id = ${name}_events.id)`,
    first,
    last,
  )
}

function shrinkReceipt(database: Queryable, name: string, id: bigint, rest: IdRanges): void {
  const [first] = rest
  if (first === undefined) database.run(`delete from ${name}_receipts where id = ?`, id)
  else
    database.run(
      `update ${name}_receipts set first_id = ?, ids = ? where id = ?`,
      first[0],
      encodeRanges(rest),
      id,
    )
}

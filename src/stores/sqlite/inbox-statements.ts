import type { DatabaseSync } from 'node:sqlite'

import { NOW } from './clock-sql.ts'
import type { Queryable } from './database.ts'

const CHUNK = 1_000

/** Notes uuids for a group; gives those that are new. `name` is what the names of the tables begin with. */
export function note(
  database: DatabaseSync,
  name: string,
  group: string,
  uuids: readonly string[],
): ReadonlySet<string> {
  const insert = database.prepare(
    `insert into main.${name}_inbox (consumer_group, uuid) values (?, ?) on conflict do nothing`,
  )
  return new Set(uuids.filter((uuid) => Number(insert.run(group, uuid).changes) === 1))
}

/** The table is not there. */
export function isMissing(error: unknown, name: string): boolean {
  return error instanceof Error && error.message === `no such table: main.${name}_inbox`
}

export function isOldestOld(database: Queryable, name: string, retentionMs: number): boolean {
  const [oldest] =
    database.first(
      `select handled_at <= ${NOW} - ? from ${name}_inbox order by rowid limit 1`,
      retentionMs,
    ) ?? []
  return oldest === 1n
}

/** Deletes from the oldest on. A row that is not old ends it, since those behind it are newer. */
export function cleanChunk(
  database: Queryable,
  name: string,
  retentionMs: number,
): { deleted: number; more: boolean } {
  const [newest = null] =
    database.first(
      `select max(rowid) from (select rowid from ${name}_inbox order by rowid limit ${CHUNK})`,
    ) ?? []
  const [kept = null] =
    database.first(
      `select min(rowid) from (select rowid, handled_at from ${name}_inbox order by rowid limit ${CHUNK})
       where handled_at > ${NOW} - ?`,
      retentionMs,
    ) ?? []
  const deleted = database.run(
    `delete from ${name}_inbox where rowid <= ?1 and rowid < coalesce(?2, ?1 + 1)`,
    newest,
    kept,
  )
  return { deleted, more: deleted === CHUNK }
}

import { type Backlog, BACKLOG_CAP, type SettledBatch } from '../../core/outbox-store.ts'
import { NOW } from './clock-sql.ts'
import type { Queryable } from './database.ts'
import { encodeRanges } from './id-lists.ts'

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

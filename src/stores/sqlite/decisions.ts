import type {
  AuditEntry,
  AuditNote,
  ChunkOf,
  Done,
  Requeued,
} from '../../core/outbox-operations.ts'
import { NOW } from './clock-sql.ts'
import type { Queryable } from './database.ts'
import { findBlocked, insertBlocked } from './refusals.ts'

/** There is one. */
const LANE = 0

/** Moves dead letters to what their keys hold. `name` is what the names of the tables begin with, here and below. */
export function requeue(
  database: Queryable,
  name: string,
  { ids, upTo, note }: ChunkOf & { readonly upTo: Date },
): Requeued {
  const moved: bigint[] = []
  let waiting = 0
  for (const id of ascending(ids)) {
    const row = database.first(
      `select e.topic, e.key, coalesce(d.error, ''), d.redelivered from ${name}_dead d join ${name}_events e on e.id = d.id
       where d.id = ? and d.at <= ?`,
      id,
      BigInt(upTo.getTime()),
    )
    if (row === undefined) continue
    const [topic, key, error, redelivered] = row as [string, string | null, string, bigint]
    const scope = { topic, key, eventId: key === null ? id : null, lane: LANE }
    const own = findBlocked(database, name, scope)
    if (own !== null && own.state !== 'draining') waiting++
    const entry = own?.id ?? insertBlocked(database, name, scope, error)
    database.run(`delete from ${name}_dead where id = ?`, id)
    database.run(
      `insert into ${name}_held (id, blocked_id, lane, redelivered) values (?, ?, ?, ?)`,
      id,
      entry,
      LANE,
      redelivered + 1n,
    )
    moved.push(id)
  }
  audit(database, name, note, {
    action: 'requeue',
    matched: ids.length,
    done: moved.length,
    ids: moved,
    more: { waiting },
  })
  return { done: moved.length, waiting }
}

export function discardDead(
  database: Queryable,
  name: string,
  { ids, upTo, note }: ChunkOf & { readonly upTo: Date },
): Done {
  const by = BigInt(upTo.getTime())
  const gone = ascending(ids).filter(
    (id) => database.run(`delete from ${name}_dead where id = ? and at <= ?`, id, by) === 1,
  )
  return discarded(database, name, note, { asked: ids.length, gone, was: 'dead' })
}

/** Where one is the head of what is blocked, the rest is due to be drained. */
export function discardHeld(database: Queryable, name: string, { ids, note }: ChunkOf): Done {
  const gone: bigint[] = []
  for (const id of ascending(ids)) {
    const row = database.first(
      `select b.id, coalesce(b.event_id, (select min(id) from ${name}_held where blocked_id = b.id)) = ?1
       from ${name}_held h join ${name}_blocked b on b.id = h.blocked_id where h.id = ?1`,
      id,
    )
    if (row === undefined) continue
    database.run(`delete from ${name}_held where id = ?`, id)
    gone.push(id)
    // What was refused is gone: what waits behind it may go on. A topic waits for the broker.
    if (row[1] === 1n)
      database.run(
        `update ${name}_blocked set state = 'draining', retry_at = ${NOW}, attempts = 0,
           event_id = case when key is null then event_id end
         where id = ? and state <> 'draining' and (key is not null or event_id is not null)`,
        row[0] as bigint,
      )
  }
  return discarded(database, name, note, { asked: ids.length, gone, was: 'held' })
}

function discarded(
  database: Queryable,
  name: string,
  note: AuditNote,
  { asked, gone, was }: { asked: number; gone: readonly bigint[]; was: string },
): Done {
  const entry = audit(database, name, note, {
    action: 'discard',
    matched: asked,
    done: gone.length,
    ids: gone,
    more: { was },
  })
  for (const id of gone)
    database.run(`insert or replace into ${name}_discarded (id, audit) values (?, ?)`, id, entry)
  return { done: gone.length }
}

/** Lets entries drain that are blocked or retrying, but for whole topics. */
export function release(database: Queryable, name: string, { ids, note }: ChunkOf): Done {
  const freed = ascending(ids).flatMap((id) =>
    database.all(
      `update ${name}_blocked set state = 'draining', retry_at = ${NOW}, attempts = 0
       where id = ? and state in ('blocked', 'retrying') and (key is not null or event_id is not null)
       returning topic, key, event_id`,
      id,
    ),
  )
  audit(database, name, note, {
    action: 'release',
    matched: ids.length,
    done: freed.length,
    ids: freed.flatMap(([, , head]) => (typeof head === 'bigint' ? [head] : [])),
    more: { keys: freed.map(([topic, key]) => [topic, key]) },
  })
  return { done: freed.length }
}

interface Act extends Pick<AuditEntry, 'action' | 'matched' | 'done'> {
  readonly ids: readonly bigint[]
  readonly more: object
}

function audit(database: Queryable, name: string, note: AuditNote, act: Act): bigint {
  const uuids = act.ids.flatMap((id) => {
    const row = database.first(`select lower(uuid) from ${name}_events where id = ?`, id)
    return row === undefined ? [] : [row[0]]
  })
  const row = database.first(
    `insert into ${name}_audit (bulk, actor, action, filter, reason, matched, done, details)
     values (?, ?, ?, ?, ?, ?, ?, ?) returning id`,
    note.bulk,
    storable(note.actor),
    act.action,
    storable(JSON.stringify(note.filter)),
    storable(note.reason),
    act.matched,
    act.done,
    JSON.stringify({ uuids, ...act.more }),
  )
  return row?.[0] as bigint
}

function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}

function ascending(ids: readonly bigint[]): readonly bigint[] {
  return [...new Set(ids)].toSorted((a, b) => (a < b ? -1 : 1))
}

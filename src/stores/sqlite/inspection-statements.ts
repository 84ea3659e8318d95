import { INSPECTION_CAP } from '../../core/outbox-inspection.ts'
import type { IdBounds } from '../../core/outbox-inspection.ts'
import type { BlockedScope } from '../../core/outbox-store.ts'
import { NOW } from './clock-sql.ts'
import type { Queryable, Row } from './database.ts'

/** `name` is what the names of the tables begin with, here and below. */
export function bounds(database: Queryable, name: string): Row | undefined {
  return database.first(
    `select (select min(id) from ${name}_events), (select max(id) from ${name}_events)`,
  )
}

/** Halves the range of ids until it knows the first one of a time: there is no index by time. */
export function idAt(database: Queryable, name: string, time: number): bigint {
  const [first, last] = bounds(database, name) ?? []
  if (typeof first !== 'bigint' || typeof last !== 'bigint') return 0n
  let [low, high] = [first, last + 1n]
  while (low < high) {
    const middle = (low + high) / 2n
    const row = database.first(
      `select id, stored_timestamp < ? from ${name}_events where id >= ? order by id limit 1`,
      BigInt(Math.trunc(time)),
      middle,
    )
    if (row?.[1] === 1n) low = (row[0] as bigint) + 1n
    else high = middle
  }
  return low
}

export function findBetween(
  database: Queryable,
  name: string,
  uuid: string,
  { first, last }: IdBounds,
): bigint | null {
  // A sender in plain SQL may have written capitals.
  const row = database.first(
    `select id from ${name}_events where id between ? and ? and lower(uuid) = ? order by id limit 1`,
    first,
    last,
    uuid,
  )
  return row === undefined ? null : (row[0] as bigint)
}

/** An event, and whether it waits, is held, dead or discarded. */
export function event(database: Queryable, name: string, id: bigint): Row | undefined {
  return database.first(
    `select e.uuid, e.topic, e.key, e.msg_type, coalesce(length(e.payload), 0), e.stored_timestamp, ${NOW} - e.stored_timestamp,
       d.id, h.blocked_id, x.id, x.at, x.attempts, x.error,
       z.id, z.at, a.actor, a.reason
     from ${name}_events e left join ${name}_delivery d on d.id = e.id left join ${name}_held h on h.id = e.id
     left join ${name}_dead x on x.id = e.id
     left join ${name}_discarded z on z.id = e.id left join ${name}_audit a on a.id = z.audit where e.id = ?`,
    id,
  )
}

/** The receipt of an event: its ids, when, and where it went. */
export function receipt(database: Queryable, name: string, id: bigint): Row | undefined {
  return database.first(
    `select r.ids, r.published_at, r.acks from ${name}_receipts r where r.last_id >= ?1 and r.first_id <= ?1
       and exists (select 1 from json_each(r.ids) g where ?1 between json_extract(g.value, '$[0]') and json_extract(g.value, '$[1]'))
     order by r.last_id limit 1`,
    id,
  )
}

export function countOfTopic(
  database: Queryable,
  name: string,
  topic: string,
  { first, last }: IdBounds,
): number {
  const row = database.first(
    `select count(*) from ${name}_events where id between ? and ? and topic = ?`,
    first,
    last,
    topic,
  )
  return Number(row?.[0])
}

export function before(database: Queryable, name: string, id: bigint): number {
  const row = database.first(
    `select count(*) from (select 1 from ${name}_delivery where id < ? order by id desc limit ${INSPECTION_CAP + 1})`,
    id,
  )
  return Number(row?.[0])
}

function blockColumns(name: string): string {
  return `b.id, b.topic, b.key, b.event_id, b.lane, b.state, b.error, b.attempts, b.since, b.retry_at,
    (select min(id) from ${name}_held where blocked_id = b.id),
    (select uuid from ${name}_events where id = (select min(id) from ${name}_held where blocked_id = b.id)),
    (select count(*) from (select 1 from ${name}_held where blocked_id = b.id limit ${INSPECTION_CAP + 1}))`
}

export function block(database: Queryable, name: string, id: bigint): Row | undefined {
  return database.first(`select ${blockColumns(name)} from ${name}_blocked b where b.id = ?`, id)
}

/** Of the scope itself, then of its topic. */
export function blocks(
  database: Queryable,
  name: string,
  { topic, key, eventId, lane }: BlockedScope,
): readonly Row[] {
  const one = `select ${blockColumns(name)} from ${name}_blocked b where b.lane = ? and b.topic = ? and b.key is ? and b.event_id is ? limit 1`
  return [
    ...database.all(one, lane, topic, key, eventId),
    ...database.all(one, lane, topic, null, null),
  ]
}

export function lanes(database: Queryable, name: string): readonly Row[] {
  return database.all(`select lane, owner, epoch from ${name}_lanes order by lane`)
}

/** Relays that said within the last minute that they wait. */
export function waiting(database: Queryable, name: string): readonly Row[] {
  return database.all(
    `select id, ${NOW} - since, error from ${name}_waiting_relays
     where reported_at > ${NOW} - 60000 order by since, id limit ${INSPECTION_CAP}`,
  )
}

export function relays(database: Queryable, name: string): readonly Row[] {
  return database.all(
    `select id, case when fenced_at is not null then 'fenced' when expires_at < ${NOW} then 'expired' else 'live' end,
       expires_at - ${NOW}, reported_at, ${NOW} - broker_since, last_error, ${NOW} - last_settle_at
     from ${name}_relays order by id limit ${INSPECTION_CAP}`,
  )
}

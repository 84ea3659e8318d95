import { INSPECTION_CAP } from '../../core/outbox-inspection.ts'
import type {
  InspectedLedger,
  InspectedRates,
  InspectedTopic,
} from '../../core/outbox-inspection.ts'
import { publishedRates, ratesOf } from '../../core/rates.ts'
import { NOW } from './clock-sql.ts'
import type { Queryable } from './database.ts'
import { bounds } from './inspection-statements.ts'

const RANGE = `json_extract(g.value, '$[0]')`
const END = `json_extract(g.value, '$[1]')`

/** What waits, is held and is dead, by topic: of the oldest of each. `name` begins the tables' names. */
export function topics(database: Queryable, name: string): InspectedTopic[] {
  const kind = (table: string, waits: number, held: number, dead: number): string =>
    `select e.topic, ${waits} as waits, ${held} as held, ${dead} as dead, e.stored_timestamp as at
     from (select id from ${name}_${table} order by id limit ${INSPECTION_CAP}) q join ${name}_events e on e.id = q.id`
  const rows = database.all(
    `select topic, sum(waits), ${NOW} - min(case when waits > 0 then at end), sum(held), sum(dead)
     from (${kind('delivery', 1, 0, 0)} union all ${kind('held', 0, 1, 0)} union all ${kind('dead', 0, 0, 1)})
     group by topic order by 2 desc, topic limit ${INSPECTION_CAP}`,
  )
  return rows.map(([topic, pending, ageMs = null, held, dead]) => ({
    topic: String(topic),
    pending: Number(pending),
    oldestAgeMs: ageMs === null ? null : Math.max(0, Number(ageMs)),
    held: Number(held),
    dead: Number(dead),
  }))
}

export function stored(database: Queryable, name: string): InspectedRates {
  const rows = database.all(
    `select topic, count(*), ${NOW} - min(at) from (
       select topic, stored_timestamp as at from ${name}_events order by id desc limit ${INSPECTION_CAP})
     where at > ${NOW} - 60000 group by topic`,
  )
  return ratesOf(rows.map(([topic, n, ageMs]) => [String(topic), Number(n), Number(ageMs)]))
}

export function published(database: Queryable, name: string): InspectedRates {
  const newest = `(select id, ids, published_at from ${name}_receipts order by id desc limit ${INSPECTION_CAP}) r`
  const since = `r.published_at > ${NOW} - 60000`
  const total = database.first(
    `select coalesce(sum(${END} - ${RANGE} + 1), 0), coalesce(${NOW} - min(r.published_at), 0), count(distinct r.id)
     from ${newest}, json_each(r.ids) g where ${since}`,
  )
  const rows = database.all(
    `select topic, count(*) from (select e.topic from ${newest}, json_each(r.ids) g
       cross join ${name}_events e where e.id between ${RANGE} and ${END} and ${since} limit ${INSPECTION_CAP})
     group by topic`,
  )
  const [events, ageMs, receipts] = total ?? []
  return publishedRates(
    { events: Number(events), ageMs: Number(ageMs), receipts: Number(receipts) },
    rows.map(([topic, n]) => [String(topic), Number(n)]),
  )
}

/** By its ids, which have no gaps but those of what was rolled back; the file has all tables. */
export function ledger(database: Queryable, name: string): InspectedLedger {
  const [first, last] = bounds(database, name) ?? []
  const [bytes] =
    database.first(
      'select (select page_count from pragma_page_count) * (select page_size from pragma_page_size)',
    ) ?? []
  const span = typeof first === 'bigint' && typeof last === 'bigint' ? last - first + 1n : 0n
  return { events: Number(span), bytes: Number(bytes) }
}

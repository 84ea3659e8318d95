import type { FetchRequest, HeldRequest } from '../../core/outbox-store.ts'
import { timeoutSql } from './bounded-queries.ts'
import type { Row } from './database.ts'
import type { HorizonCheck } from './horizon.ts'
import { multirange, numberArray } from './sql-text.ts'

/** The columns that `FetchedRows` reads: `d` is what waits, `e` the event. */
const COLUMNS = `d.id, d.lane, d.size, e.uuid, e.topic, e.key, e.msg_type, e.mime_type, e.headers::text,
  e.payload, round(date_part('epoch', e.occurred_at) * 1000)`

/**
 * Settings under which every plan is the one by the primary keys. Plans by statistics, which lag
 * behind in a spike, would scan `delivery`, and `events` once for each of its rows.
 */
export function planSafeSettings(statementTimeoutMs: number): string {
  const off = ['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin', 'sort', 'material']
    .map((name) => `SET LOCAL enable_${name} = off;`)
    .join(' ')
  return `${off} SET LOCAL jit = off; ${timeoutSql(statementTimeoutMs)} SET LOCAL idle_in_transaction_session_timeout = 10000; SET LOCAL bytea_output = hex;`
}

/** The check of the horizon. `schema` is quoted. */
export function horizonSql(schema: string): string {
  return `SELECT assigned, array_to_string(holders, ','), server FROM ${schema}.horizon()`
}

/** Reads a row of `horizonSql`. */
export function decodeCheck(row: Row | undefined): HorizonCheck {
  const [assigned, holders, server] = row ?? []
  return {
    assigned: BigInt(assigned ?? 0),
    holders: holders ? holders.split(',') : [],
    server: server ?? '',
  }
}

type PendingRequest = Pick<FetchRequest, 'lanes' | 'inHand' | 'maxEvents' | 'maxBytes'>

/** Pending events from an id on, in id order. `schema` is quoted. */
export function fetchSql(schema: string, from: bigint, request: PendingRequest): string {
  return eventsOf(
    schema,
    `SELECT id, lane, size FROM ${schema}.delivery
     WHERE id >= ${from} AND lane = ANY ('${numberArray(request.lanes)}'::smallint[])
       AND NOT id <@ '${multirange(request.inHand)}'::int8multirange ORDER BY id LIMIT ${request.maxEvents}`,
    request.maxBytes,
  )
}

/** The held events of some blocked entries, in id order. `schema` is quoted. */
export function fetchHeldSql(schema: string, request: HeldRequest): string {
  return eventsOf(
    schema,
    `SELECT h.id, h.lane, h.size, h.redelivered FROM unnest('${numberArray(request.blockedIds)}'::bigint[]) b(id)
     CROSS JOIN LATERAL (SELECT id, lane, size, redelivered FROM ${schema}.held
       WHERE blocked_id = b.id AND NOT id <@ '${multirange(request.inHand)}'::int8multirange
       ORDER BY id LIMIT ${Math.min(request.maxOfEach ?? request.maxEvents, request.maxEvents)}) h ORDER BY h.id LIMIT ${request.maxEvents}`,
    request.maxBytes,
    ['redelivered'],
  )
}

/** Up to `maxBytes` of what `waiting` gives. An event that someone has deleted comes without a uuid. */
function eventsOf(
  schema: string,
  waiting: string,
  maxBytes: number,
  more: readonly string[] = [],
): string {
  return `SELECT ${[COLUMNS, ...more.map((column) => `d.${column}`)].join(', ')}
FROM (SELECT ${['id', 'lane', 'size', ...more].join(', ')}, sum(size) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - size AS before FROM (${waiting}) p) d
LEFT JOIN LATERAL (SELECT uuid, topic, key, msg_type, mime_type, headers, payload, occurred_at
  FROM ${schema}.events WHERE events.id = d.id LIMIT 1) e ON true
WHERE d.before < ${maxBytes} ORDER BY d.id`
}

/** A query whose rows come as `COPY … (FORMAT binary)` sends them. */
export function copySql(query: string): string {
  return `COPY (${query}) TO STDOUT (FORMAT binary)`
}

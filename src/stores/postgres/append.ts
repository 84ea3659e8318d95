import { describe, StoreError, TransactionError } from '../../core/errors.ts'
import { type OutboxEvent, eventSize } from '../../core/event.ts'
import { encodeHeaders } from '../../core/stored-headers.ts'
import type { PgClient, PostgresJsTransaction, PostgresTransaction } from './postgres-client.ts'
import { numberArray, textArray } from './sql-text.ts'
import { storeFailure } from './store-failure.ts'

/** Bounds what one statement holds in memory, here and in the server. */
const MAX_EVENTS = 1_000
const MAX_BYTES = 16 * 1024 * 1024

interface Statement {
  readonly text: string
  readonly values: (string | Buffer | null)[]
}

/** Adds events to `tx`. `schema` is quoted. */
export async function append(
  schema: string,
  tx: PostgresTransaction,
  events: readonly OutboxEvent[],
): Promise<void> {
  const execute = await executorOf(tx)
  for (const chunk of chunksOf(events)) {
    const [only] = chunk
    const statement =
      chunk.length === 1 && only !== undefined ? insertOne(schema, only) : insertMany(schema, chunk)
    const stored = await execute(statement)
    if (stored !== chunk.length)
      throw new StoreError(`${stored} of ${chunk.length} events were stored: roll back`)
  }
}

/** One event into `events` and `delivery`. */
function insertOne(schema: string, event: OutboxEvent): Statement {
  return {
    text: `WITH e AS (
  INSERT INTO ${schema}.events (uuid, topic, key, msg_type, mime_type, headers, payload, occurred_at, enqueued)
  VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text::jsonb, $7::bytea, $8::text::timestamptz, true) RETURNING id)
INSERT INTO ${schema}.delivery (id, lane, size) SELECT id, ${schema}.lane($3::text, id), $9::text::int FROM e`,
    values: [
      event.uuid,
      event.topic,
      event.key,
      event.msgType,
      event.mimeType,
      encodeHeaders(event.headers),
      event.payload === null ? null : bytesOf(event.payload),
      event.timestamp.toISOString(),
      String(eventSize(event)),
    ],
  }
}

/**
 * Events with different uuids into `events` and `delivery`, their ids in the order given. The
 * payloads come as one run of bytes and their lengths, -1 for null: the drivers write arrays of
 * bytes as text that PostgreSQL reads at half the speed.
 */
function insertMany(schema: string, events: readonly OutboxEvent[]): Statement {
  return {
    text: `WITH u AS MATERIALIZED (
  SELECT *, sum(greatest(bytes, 0)) OVER (ORDER BY n) - greatest(bytes, 0) + 1 AS start
  FROM unnest($1::text::uuid[], $2::text::text[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::text[],
    $7::text::int[], $8::text::timestamptz[], $9::text::int[])
    WITH ORDINALITY u(uuid, topic, key, msg_type, mime_type, headers, bytes, occurred_at, size, n)),
e AS (
  INSERT INTO ${schema}.events (uuid, topic, key, msg_type, mime_type, headers, payload, occurred_at, enqueued)
  SELECT uuid, topic, key, msg_type, mime_type, headers::jsonb,
    CASE WHEN bytes >= 0 THEN substring($10::bytea FROM start::int FOR bytes) END, occurred_at, true
  FROM u ORDER BY n RETURNING id, uuid)
INSERT INTO ${schema}.delivery (id, lane, size)
SELECT e.id, ${schema}.lane(u.key, e.id), u.size FROM e JOIN u ON u.uuid = e.uuid`,
    values: [
      textArray(events.map(({ uuid }) => uuid)),
      textArray(events.map(({ topic }) => topic)),
      textArray(events.map(({ key }) => key)),
      textArray(events.map(({ msgType }) => msgType)),
      textArray(events.map(({ mimeType }) => mimeType)),
      textArray(events.map(({ headers }) => encodeHeaders(headers))),
      numberArray(events.map(({ payload }) => payload?.byteLength ?? -1)),
      textArray(events.map(({ timestamp }) => timestamp.toISOString())),
      numberArray(events.map((event) => eventSize(event))),
      Buffer.concat(events.map(({ payload }) => payload ?? new Uint8Array())),
    ],
  }
}

/** Runs for one statement each; no uuid twice in one, since rows are found again by it. */
function* chunksOf(events: readonly OutboxEvent[]): Generator<readonly OutboxEvent[]> {
  let chunk: OutboxEvent[] = []
  let bytes = 0
  const uuids = new Set<string>()
  for (const event of events) {
    const size = eventSize(event)
    const uuid = event.uuid.toLowerCase()
    if (chunk.length === MAX_EVENTS || bytes + size > MAX_BYTES || uuids.has(uuid)) {
      if (chunk.length > 0) yield chunk
      chunk = []
      bytes = 0
      uuids.clear()
    }
    chunk.push(event)
    bytes += size
    uuids.add(uuid)
  }
  if (chunk.length > 0) yield chunk
}

function bytesOf(payload: Uint8Array): Buffer {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
}

type Execute = (statement: Statement) => Promise<number>

const RIGHT_CALL =
  'a pg client on which BEGIN was executed, or the sql that sql.begin(async (sql) => …) gives'

/** How `tx` executes a statement. Throws a `TransactionError` where it is no open transaction. */
async function executorOf(tx: unknown): Promise<Execute> {
  if (tx === null || (typeof tx !== 'object' && typeof tx !== 'function')) throw wrong(describe(tx))
  const given = tx as Record<string, unknown>
  if (typeof given['unsafe'] === 'function') {
    if (typeof given['begin'] === 'function')
      throw wrong(
        'the sql of Postgres.js itself, where each statement commits by itself',
        'await sql.begin(async (sql) => { await send(sql, event) })',
      )
    if (typeof given['savepoint'] !== 'function') throw wrong('a reserved sql of Postgres.js')
    return postgresJsExecutor(tx as PostgresJsTransaction)
  }
  if (typeof given['query'] !== 'function') throw wrong(describe(tx))
  if (typeof given['totalCount'] === 'number')
    throw wrong(
      'a pg Pool, where each statement commits by itself',
      "const client = await pool.connect(); await client.query('BEGIN'); await send(client, event); await client.query('COMMIT')",
    )
  await requireOpen(tx as PgClient & TellsStatus)
  return pgExecutor(tx as PgClient)
}

interface TellsStatus {
  /** Since pg 8.21: what the server said last: `I` idle, `T` in a transaction, `E` in a failed one. */
  getTransactionStatus?(): string | null
}

async function requireOpen(client: PgClient & TellsStatus): Promise<void> {
  if (client.getTransactionStatus?.() !== 'I') return
  // A BEGIN that nobody awaited may be on its way.
  try {
    await client.query({ text: 'SELECT' })
  } catch (error) {
    throw storeFailure('storing events', error)
  }
  if (client.getTransactionStatus() !== 'I') return
  throw wrong(
    'a pg client without an open transaction',
    "await client.query('BEGIN'); await send(client, event); await client.query('COMMIT')",
  )
}

function wrong(got: string, call?: string): TransactionError {
  const hint = call === undefined ? '' : `: ${call}`
  return new TransactionError(
    `events are sent inside of a transaction: got ${got}, takes ${RIGHT_CALL}${hint}`,
  )
}

function pgExecutor(client: PgClient): Execute {
  return async (statement) => {
    try {
      const result = await client.query(statement)
      return result.rowCount ?? 0
    } catch (error) {
      throw storeFailure('storing events', error)
    }
  }
}

function postgresJsExecutor(sql: PostgresJsTransaction): Execute {
  return async ({ text, values }) => {
    try {
      const result = await sql.unsafe(text, values as never[])
      return (result as { count?: number | null }).count ?? 0
    } catch (error) {
      throw storeFailure('storing events', error)
    }
  }
}

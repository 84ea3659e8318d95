import { type OutboxEvent, eventSize } from '../../core/event.ts'
import { encodeHeaders } from '../../core/stored-headers.ts'
import { numberArray, textArray } from './sql-text.ts'

/** Bounds what one statement holds in memory in the server. */
const MAX_EVENTS = 1_000
const MAX_BYTES = 16 * 1024 * 1024

/** A setting that ends with its transaction, which a statement by itself is. */
const GUARD = 'oncommit.transaction'

export interface Statement {
  readonly text: string
  readonly values: (string | Buffer | null)[]
}

/** Events that one statement stores. */
export interface Insert extends Statement {
  readonly events: number
}

/** Marks the open transaction; outside of one it has no effect on what follows. */
export function setGuard(guard: string): Statement {
  return { text: `SELECT pg_catalog.set_config('${GUARD}', $1::text, true)`, values: [guard] }
}

/** What stores `events`, in this order. With a guard: only in the transaction that it marks. */
export function insertsOf(
  schema: string,
  events: readonly OutboxEvent[],
  guard?: string,
): readonly Insert[] {
  return Array.from(chunksOf(events), (chunk) => {
    const [only] = chunk
    const statement =
      chunk.length === 1 && only !== undefined && guard === undefined
        ? insertOne(schema, only)
        : insertMany(schema, chunk, guard)
    return { ...statement, events: chunk.length }
  })
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
function insertMany(schema: string, events: readonly OutboxEvent[], guard?: string): Statement {
  const guarded =
    guard === undefined ? '' : `WHERE pg_catalog.current_setting('${GUARD}', true) = $11::text `
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
  FROM u ${guarded}ORDER BY n RETURNING id, uuid)
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
      ...(guard === undefined ? [] : [guard]),
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

import type { LogRecord, WireRecord } from '../../core/codec.ts'
import { packHeaders, unpackHeaders } from './header-bytes.ts'
import type { LogDatabase } from './log-database.ts'

/** The first offset that is kept, and the one that comes next. */
export interface Bounds {
  readonly start: number
  readonly next: number
}

export interface RecordLimits {
  /** Of all records read. */
  readonly maxBytes: number
  /** The first record is read even where it is larger than `maxBytes`. */
  readonly isFirst: boolean
}

/** The bytes that a record's limit speaks of. */
export function recordSize(record: WireRecord): number {
  let size = (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const [name, value] of record.headers) size += Buffer.byteLength(name) + value.length
  return size
}

export function selectBounds(database: LogDatabase, partitionId: number): Bounds {
  const row = database
    .statement('select start_offset, next_offset from partitions where id = ?')
    .get(partitionId) as { start_offset: number; next_offset: number }
  return { start: row.start_offset, next: row.next_offset }
}

/** Appends records in their order and gives the offset of the first. Inside a transaction. */
export function insertRecords(
  database: LogDatabase,
  partitionId: number,
  records: readonly WireRecord[],
  timestamp: number,
): number {
  const { next } = selectBounds(database, partitionId)
  const insert = database.statement(
    `insert into records (partition_id, "offset", timestamp, key, value, headers)
     values (?, ?, ?, ?, ?, ?)`,
  )
  let offset = next
  for (const { key, value, headers } of records)
    insert.run(partitionId, offset++, timestamp, key, value, packHeaders(headers))
  database.statement('update partitions set next_offset = ? where id = ?').run(offset, partitionId)
  return next
}

/** Forgets all but the last `kept` records. Inside a transaction. */
export function trimRecords(database: LogDatabase, partitionId: number, kept: number): void {
  const { start, next } = selectBounds(database, partitionId)
  if (next - kept <= start) return
  database
    .statement('delete from records where partition_id = ? and "offset" < ?')
    .run(partitionId, next - kept)
  database
    .statement('update partitions set start_offset = ? where id = ?')
    .run(next - kept, partitionId)
}

export function selectRecords(
  database: LogDatabase,
  at: { partitionId: number; offset: number },
  limits: RecordLimits,
): { records: readonly LogRecord[]; bytes: number } {
  const rows = database
    .statement(
      `select "offset", timestamp, key, value, headers from records
        where partition_id = ? and "offset" >= ?
        order by "offset"`,
    )
    .iterate(at.partitionId, at.offset) as Iterable<RecordRow>
  const records: LogRecord[] = []
  let bytes = 0
  for (const row of rows) {
    const record = toRecord(row)
    const size = recordSize(record)
    if (bytes + size > limits.maxBytes && !(limits.isFirst && records.length === 0)) break
    records.push(record)
    bytes += size
  }
  return { records, bytes }
}

/** The first offset whose record was published at `time` or later, or the next one to come. */
export function selectOffsetAt(database: LogDatabase, partitionId: number, time: number): number {
  const row = database
    .statement(
      `select "offset" from records
        where partition_id = ? and timestamp >= ?
        order by "offset" limit 1`,
    )
    .get(partitionId, time) as { offset: number } | undefined
  return row?.offset ?? selectBounds(database, partitionId).next
}

interface RecordRow {
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Uint8Array | null
}

function toRecord(row: RecordRow): LogRecord {
  return {
    offset: BigInt(row.offset),
    timestamp: row.timestamp,
    key: toBuffer(row.key),
    value: toBuffer(row.value),
    headers: unpackHeaders(toBuffer(row.headers)),
  }
}

function toBuffer(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

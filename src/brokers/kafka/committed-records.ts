import type { LogRecord } from '../../core/codec.ts'
import type { AbortedTransaction, RecordBatch } from './wire.ts'

const TRANSACTIONAL = 1 << 4
const CONTROL = 1 << 5
const ABORT_MARKER = 0

/** What a committed-only reader sees of a fetch's batches. */
export interface CommittedRecords {
  readonly records: readonly LogRecord[]
  /** After the last batch, whatever it held: behind markers, holes and aborted records, too. */
  readonly nextOffset: bigint
}

/**
 * Drops what was aborted, the control records, and what lies below `position`. The batches end at
 * the last stable offset; `aborted` are all aborted transactions that overlap them, wherever they
 * began or end. The rule is that of Kafka's own consumer: it needs no abort marker within the fetch,
 * and it knows several aborted transactions of one producer apart. The client's filter does not.
 */
export function committedRecords(
  batches: readonly RecordBatch[],
  aborted: readonly AbortedTransaction[],
  position: bigint,
): CommittedRecords {
  const waiting = aborted.toSorted((a, b) => compare(a.firstOffset, b.firstOffset))
  const skipping = new Set<bigint>()
  const records: LogRecord[] = []
  let nextOffset = position
  let begun = 0
  for (const batch of batches) {
    const end = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n
    for (let next = waiting[begun]; next !== undefined && next.firstOffset < end;) {
      skipping.add(next.producerId)
      next = waiting[++begun]
    }
    if (isControl(batch)) {
      if (isAbortMarker(batch)) skipping.delete(batch.producerId)
    } else if (!isTransactional(batch) || !skipping.has(batch.producerId)) {
      addRecords(batch, position, records)
    }
    if (end > nextOffset) nextOffset = end
  }
  return { records, nextOffset }
}

/** A batch that the broker wrote: the end of a transaction. */
function isControl(batch: RecordBatch): boolean {
  return (batch.attributes & CONTROL) !== 0
}

function isTransactional(batch: RecordBatch): boolean {
  return (batch.attributes & TRANSACTIONAL) !== 0
}

/** A control record's key is its version and its type, two bytes each. */
function isAbortMarker(batch: RecordBatch): boolean {
  const key = batch.records[0]?.key
  return key !== null && key !== undefined && key.length >= 4 && key.readInt16BE(2) === ABORT_MARKER
}

function addRecords(batch: RecordBatch, position: bigint, records: LogRecord[]): void {
  // The broker sends whole batches: the first one may begin before the position.
  const isWhole = batch.firstOffset >= position
  for (const record of batch.records) if (isWhole || record.offset >= position) records.push(record)
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

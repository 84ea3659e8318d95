import type { LogRecord } from '../../core/codec.ts'
import type { AbortedTransaction, BatchRecord, RecordBatch } from './wire.ts'

const LOG_APPEND_TIME = 1 << 3
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
  const whole = batch.firstOffset >= position
  const logTime = (batch.attributes & LOG_APPEND_TIME) === 0 ? null : Number(batch.maxTimestamp)
  const firstTime = Number(batch.firstTimestamp)
  const names = new HeaderNames()
  for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
    const offset = batch.firstOffset + BigInt(offsetDelta)
    if (!whole && offset < position) continue
    const timestamp = logTime ?? firstTime + Number(timestampDelta)
    records.push({ key, value, headers: toHeaders(headers, names), offset, timestamp })
  }
}

const noHeaders: LogRecord['headers'] = []
const empty = Buffer.alloc(0)

/** Kafka allows a header without a value, which other senders may use: it reads as an empty one. */
function toHeaders(raw: BatchRecord['headers'], names: HeaderNames): LogRecord['headers'] {
  if (raw.length === 0) return noHeaders
  return raw.map(([name, value], index) => [
    name === null ? '' : names.decode(name, index),
    value ?? empty,
  ])
}

/** Names as text. The records of a batch mostly have the same, and decoding is what costs most here. */
class HeaderNames {
  readonly #before: { readonly bytes: Buffer; readonly text: string }[] = []

  decode(bytes: Buffer, index: number): string {
    const before = this.#before[index]
    if (before !== undefined && isEqual(before.bytes, bytes)) return before.text
    const text = bytes.toString()
    this.#before[index] = { bytes, text }
    return text
  }
}

/** Of few bytes: a call into Node's own costs more. */
function isEqual(a: Buffer, b: Buffer): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

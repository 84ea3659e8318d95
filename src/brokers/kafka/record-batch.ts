import type { WireRecord } from '../../core/codec.ts'
import type { KafkaPeer } from './kafka-client.ts'
import type { Slab } from './slab.ts'

/** Whose batch it is: what the broker tells repeats and zombies by. */
interface BatchProducer {
  /** -1 where the batch is neither idempotent nor transactional. */
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly transactional: boolean
}

export interface BatchSource {
  readonly records: readonly WireRecord[]
  /** Which of the records, in order. */
  readonly indexes: readonly number[]
}

export interface BatchOptions {
  readonly producer: BatchProducer
  readonly sequence: number
  readonly timestamp: number
  readonly compression: string
  /** Where the batch is written to. @defaultValue memory of its own */
  readonly slab?: Slab
}

const HEADER_BYTES = 61
const TRANSACTIONAL = 0x10

/** Bytes that a record takes in a batch, at most. */
export function recordBytes(record: WireRecord): number {
  return bodyBytes(record) + 10
}

/**
 * A batch of records as Kafka keeps it (record format 2), in one pass and without an object a record:
 * this is the hottest code of the relay.
 */
export function encodeBatch(peer: KafkaPeer, source: BatchSource, options: BatchOptions): Buffer {
  const plain = encodeRecords(source, options.slab)
  const algorithm =
    options.compression === 'none' ? undefined : peer.compressionsAlgorithms[options.compression]
  const batch = algorithm === undefined ? plain : compressed(plain, algorithm)
  const attributes =
    (algorithm?.bitmask ?? 0) | (options.producer.transactional ? TRANSACTIONAL : 0)
  const count = source.indexes.length
  const timestamp = BigInt(options.timestamp)
  batch.fill(0, 0, 8)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch[16] = 2
  batch.writeInt16BE(attributes, 21)
  batch.writeInt32BE(count - 1, 23)
  batch.writeBigInt64BE(timestamp, 27)
  batch.writeBigInt64BE(timestamp, 35)
  batch.writeBigInt64BE(options.producer.producerId, 43)
  batch.writeInt16BE(options.producer.producerEpoch, 51)
  batch.writeInt32BE(options.sequence, 53)
  batch.writeInt32BE(count, 57)
  batch.writeUInt32BE(checksum(peer, batch.subarray(21)), 17)
  return batch
}

/** In the client's own kind of buffer: of any other its native checksum makes a copy first. */
function checksum(peer: KafkaPeer, bytes: Buffer): number {
  return peer.crc32c(peer.Writer.create().append(bytes).dynamicBuffer)
}

function compressed(plain: Buffer, algorithm: { compressSync(data: Buffer): Buffer }): Buffer {
  const records = algorithm.compressSync(plain.subarray(HEADER_BYTES))
  const batch = Buffer.allocUnsafe(HEADER_BYTES + records.length)
  batch.set(records, HEADER_BYTES)
  return batch
}

function encodeRecords({ records, indexes }: BatchSource, slab: Slab | undefined): Buffer {
  const sizes = new Int32Array(indexes.length)
  let total = HEADER_BYTES
  for (let i = 0; i < indexes.length; i++) {
    const size = bodyBytes(records[indexes[i] as number] as WireRecord) + varintBytes(i)
    sizes[i] = size
    total += size + varintBytes(size)
  }
  const buffer = slab?.take(total) ?? Buffer.allocUnsafe(total)
  let at = HEADER_BYTES
  for (let i = 0; i < indexes.length; i++) {
    at = writeVarint(buffer, at, sizes[i] as number)
    at = writeRecord(buffer, at, records[indexes[i] as number] as WireRecord, i)
  }
  return buffer
}

/** Without the offset's delta. */
function bodyBytes({ key, value, headers }: WireRecord): number {
  let size = 2 + fieldBytes(key) + fieldBytes(value) + varintBytes(headers.length)
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i] as WireRecord['headers'][number]
    size += fieldBytes(nameBytes(header[0])) + fieldBytes(header[1])
  }
  return size
}

function writeRecord(buffer: Buffer, start: number, record: WireRecord, delta: number): number {
  const { key, value, headers } = record
  buffer[start] = 0
  buffer[start + 1] = 0
  let at = writeVarint(buffer, start + 2, delta)
  at = writeField(buffer, at, key)
  at = writeField(buffer, at, value)
  at = writeVarint(buffer, at, headers.length)
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i] as WireRecord['headers'][number]
    at = writeField(buffer, at, nameBytes(header[0]))
    at = writeField(buffer, at, header[1])
  }
  return at
}

function fieldBytes(field: Uint8Array | null): number {
  return field === null ? 1 : varintBytes(field.length) + field.length
}

function writeField(buffer: Buffer, start: number, field: Uint8Array | null): number {
  if (field === null) {
    buffer[start] = 1
    return start + 1
  }
  const length = field.length
  const at = writeVarint(buffer, start, length)
  // A call into the runtime costs more than a few bytes copied here.
  if (length > 48) buffer.set(field, at)
  else for (let i = 0; i < length; i++) buffer[at + i] = field[i] as number
  return at + length
}

/** Bytes of a number of 0 or more as a signed varint. */
function varintBytes(value: number): number {
  if (value < 0x40) return 1
  if (value < 0x2000) return 2
  if (value < 0x10_0000) return 3
  return value < 0x800_0000 ? 4 : 5
}

/** Writes a number of 0 or more as a signed varint. */
function writeVarint(buffer: Buffer, start: number, value: number): number {
  let at = start
  let rest = (value << 1) >>> 0
  while (rest > 0x7f) {
    buffer[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  buffer[at++] = rest
  return at
}

const names = new Map<string, Buffer>()
const MOST_NAMES = 1_000

/** Header names are few and come with every record. */
function nameBytes(name: string): Buffer {
  const known = names.get(name)
  if (known !== undefined) return known
  if (names.size >= MOST_NAMES) names.clear()
  const bytes = Buffer.from(name)
  names.set(name, bytes)
  return bytes
}

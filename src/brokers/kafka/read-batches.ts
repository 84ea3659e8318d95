import type { LogRecord } from '../../core/codec.ts'
import type { HeaderNames } from './header-names.ts'
import type { RecordBatch } from './wire.ts'

export interface BatchReading {
  /** Undoes a batch's compression, by the number in its attributes. Throws where that is unknown. */
  readonly decompress: (algorithm: number, bytes: Buffer) => Buffer
  readonly names: HeaderNames
}

/** First offset and length, in front of what the length counts. */
const PREFIX_BYTES = 12
const HEADER_BYTES = 61
const FORMAT = 2
const COMPRESSION = 0b111
const LOG_APPEND_TIME = 1 << 3

/**
 * The batches of a partition as a broker sends them (record format 2), in one pass: this is the
 * hottest code of a reader, and the client's own makes several objects of each number. A batch that
 * was cut off at the end is left out: the next fetch begins with it. Throws on what is no batch.
 * @see https://kafka.apache.org/43/implementation/message-format/
 */
export function readBatches(bytes: Buffer, reading: BatchReading): readonly RecordBatch[] {
  const batches: RecordBatch[] = []
  for (let at = 0; bytes.length - at >= HEADER_BYTES;) {
    const end = at + PREFIX_BYTES + bytes.readInt32BE(at + 8)
    if (end > bytes.length) break
    if (end < at + HEADER_BYTES) throw new RangeError('a batch of records is too short')
    batches.push(readBatch(bytes.subarray(at, end), reading))
    at = end
  }
  return batches
}

function readBatch(bytes: Buffer, reading: BatchReading): RecordBatch {
  const format = bytes[16] ?? 0
  if (format !== FORMAT) throw new RangeError(`records of format ${format} can't be read`)
  const firstOffset = bytes.readBigInt64BE(0)
  const attributes = bytes.readInt16BE(21)
  const plain = bytes.subarray(HEADER_BYTES)
  const compression = attributes & COMPRESSION
  const source = {
    bytes: compression === 0 ? plain : reading.decompress(compression, plain),
    count: bytes.readInt32BE(57),
    firstOffset,
    firstTime: Number(bytes.readBigInt64BE(27)),
    logTime: (attributes & LOG_APPEND_TIME) === 0 ? null : Number(bytes.readBigInt64BE(35)),
  }
  return {
    firstOffset,
    lastOffsetDelta: bytes.readInt32BE(23),
    attributes,
    producerId: bytes.readBigInt64BE(43),
    records: new RecordReader(source, reading.names).readAll(),
  }
}

interface BatchSource {
  readonly bytes: Buffer
  readonly count: number
  readonly firstOffset: bigint
  readonly firstTime: number
  /** When the broker appended them, where the topic says that this is their time. */
  readonly logTime: number | null
}

/**
 * What `subarray` makes views with, at a third of its cost: it is given numbers that are whole and in
 * range. `Symbol.species` is how the language names that constructor.
 */
const View = (Buffer as unknown as { [Symbol.species]: ViewConstructor })[Symbol.species]
type ViewConstructor = new (memory: ArrayBufferLike, offset: number, length: number) => Buffer

const noHeaders: LogRecord['headers'] = []
const empty = Buffer.alloc(0)

class RecordReader {
  readonly #source: BatchSource
  readonly #bytes: Buffer
  readonly #memory: ArrayBufferLike
  readonly #offset: number
  readonly #names: HeaderNames
  #at = 0

  constructor(source: BatchSource, names: HeaderNames) {
    this.#source = source
    this.#names = names
    this.#bytes = source.bytes
    this.#memory = source.bytes.buffer
    this.#offset = source.bytes.byteOffset
  }

  readAll(): LogRecord[] {
    const records: LogRecord[] = []
    for (let left = this.#source.count; left > 0; left--) records.push(this.#record())
    return records
  }

  #record(): LogRecord {
    const { firstOffset, firstTime, logTime } = this.#source
    const length = this.#int()
    const end = this.#at + length
    if (!(length > 0 && end <= this.#bytes.length))
      throw new RangeError('a record ends beyond its batch')
    // Attributes, which no version of Kafka uses.
    this.#at += 1
    const timestamp = logTime ?? firstTime + this.#long()
    if (logTime !== null) this.#long()
    const offset = firstOffset + BigInt(this.#int())
    const key = this.#nullable()
    const value = this.#nullable()
    const headers = this.#headers()
    if (this.#at > end) throw new RangeError('a record is longer than it says')
    this.#at = end
    return { key, value, headers, offset, timestamp }
  }

  #headers(): LogRecord['headers'] {
    const count = this.#int()
    if (count === 0) return noHeaders
    const headers: (readonly [string, Buffer])[] = []
    for (let index = 0; index < count; index++) {
      const name = this.#name(index)
      // Kafka allows a header without a value, which other senders may use: it reads as an empty one.
      headers.push([name, this.#nullable() ?? empty])
    }
    return headers
  }

  #name(index: number): string {
    const length = this.#int()
    if (length <= 0) return ''
    const start = this.#at
    this.#at = this.#within(start + length)
    return this.#names.read(index, this.#bytes, start, this.#at)
  }

  #nullable(): Buffer | null {
    const length = this.#int()
    if (length < 0) return null
    const start = this.#at
    this.#at = this.#within(start + length)
    return new View(this.#memory, this.#offset + start, length)
  }

  #within(end: number): number {
    if (end > this.#bytes.length) throw new RangeError('a record ends beyond its batch')
    return end
  }

  /** A signed number of at most five bytes: seven bits in each, the lowest first, folded. */
  #int(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new RangeError('a number in a record is too long')
  }

  /** As `#int`, of at most ten bytes. Exact up to 2^53: times are far below. */
  #long(): number {
    let value = 0
    let factor = 1
    for (let count = 0; count < 10; count++) {
      const byte = this.#byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      factor *= 128
    }
    throw new RangeError('a number in a record is too long')
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw new RangeError('a record ends beyond its batch')
    this.#at += 1
    return byte
  }
}

import { HeaderNames } from './header-names.ts'
import { type BatchReading, readBatches } from './read-batches.ts'
import type {
  AbortedTransaction,
  AnswerReader,
  FetchAnswer,
  KafkaWire,
  PartitionAnswer,
} from './wire.ts'

/** From this version on lengths are compact and structures end with tagged fields. */
const FIRST_FLEXIBLE = 12
const FIRST_WITH_IDS = 13
const FIRST_WITH_REPLICA = 11
const FIRST_WITH_ERROR = 7
const FIRST_WITH_START = 5

/** Reads answers to a Fetch request of any version that the client sends. */
export type FetchParser = (
  correlationId: number,
  apiKey: number,
  version: number,
  reader: AnswerReader,
) => FetchAnswer

/**
 * Reads the broker's answer to a fetch, the records in it at once. An error of a partition is left
 * in its place, since the others are as good as ever. Throws the client's error where the whole
 * fetch failed.
 */
export function fetchParser(wire: KafkaWire): FetchParser {
  const reading: BatchReading = {
    names: new HeaderNames(),
    decompress: (algorithm, bytes) => {
      const known = wire.compressionsAlgorithmsByBitmask[algorithm]
      if (known === undefined)
        throw new wire.UnsupportedCompressionError(`Unsupported compression algorithm ${algorithm}`)
      return known.decompressSync(bytes)
    },
  }
  return (_, apiKey, version, reader) => {
    const isCompact = version >= FIRST_FLEXIBLE
    // The throttle time.
    reader.readInt32()
    const errorCode = version < FIRST_WITH_ERROR ? 0 : reader.readInt16()
    // The session.
    if (version >= FIRST_WITH_ERROR) reader.readInt32()
    const responses = reader.readArray(
      (own) => ({
        topicId: version < FIRST_WITH_IDS ? own.readString(isCompact) : own.readUUID(),
        partitions: own.readArray(
          (one) => readPartition(one, version, reading),
          isCompact,
          isCompact,
        ),
      }),
      isCompact,
      isCompact,
    )
    const answer: FetchAnswer = { errorCode, responses }
    if (errorCode !== 0)
      throw new wire.ResponseError(apiKey, version, { '': [errorCode, null] }, answer)
    return answer
  }
}

function readPartition(
  reader: AnswerReader,
  version: number,
  reading: BatchReading,
): PartitionAnswer {
  const isCompact = version >= FIRST_FLEXIBLE
  const partitionIndex = reader.readInt32()
  const errorCode = reader.readInt16()
  // The high watermark.
  reader.readInt64()
  const lastStableOffset = reader.readInt64()
  // Where the log starts.
  if (version >= FIRST_WITH_START) reader.readInt64()
  const abortedTransactions = reader.readNullableArray(readAborted, isCompact, isCompact)
  // The replica that is best read from.
  if (version >= FIRST_WITH_REPLICA) reader.readInt32()
  const size = isCompact ? reader.readUnsignedVarInt() - 1 : reader.readInt32()
  if (size <= 0)
    return { partitionIndex, errorCode, lastStableOffset, abortedTransactions, records: [] }
  const { position } = reader
  const bytes = reader.buffer.slice(position, position + size)
  reader.skip(size)
  const records = readBatches(bytes, reading)
  return { partitionIndex, errorCode, lastStableOffset, abortedTransactions, records }
}

function readAborted(reader: AnswerReader): AbortedTransaction {
  return { producerId: reader.readInt64(), firstOffset: reader.readInt64() }
}

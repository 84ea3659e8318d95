import { BrokerError } from '../../core/errors.ts'
import type { Cluster } from './cluster.ts'
import { responseOf } from './cluster.ts'
import {
  UNKNOWN_TOPIC,
  brokerErrorOfCode,
  isAnswer,
  kindOfCode,
  toBrokerError,
} from './failures.ts'
import type {
  NodeConnection,
  ProducePartitionResponse,
  ProduceResponse,
  RequestWriter,
} from './kafka-client.ts'
import { retrying, type RetryRule } from './retrying.ts'
import type { PartitionBatch } from './sends.ts'
import { problemOf, type TopicDirectory } from './topic-directory.ts'

/** A partition's batch, ready to be sent: its bytes stay the same however often it is tried. */
export interface EncodedBatch {
  readonly batch: PartitionBatch
  readonly bytes: Buffer
}

/** What became of a partition's batch. */
export type Outcome =
  | { readonly batch: PartitionBatch; readonly state: 'written'; readonly baseOffset: bigint }
  | {
      readonly batch: PartitionBatch
      readonly state: 'refused'
      readonly error: BrokerError
      /** Which records of the batch are at fault, by their place in it. Empty where Kafka did not say. */
      readonly faulty: readonly number[]
    }

export interface ProduceTarget {
  readonly cluster: Cluster
  readonly directory: TopicDirectory
  readonly transactionalId: string | null
  /** How long the brokers may wait for their replicas. */
  readonly timeoutMs: number
  /** Told when a request of which nothing was heard may still be under way. */
  readonly onAmbiguous: () => void
}

/**
 * Sends a batch to each of several partitions, at most one per partition, and tries each again
 * until it is written or refused. Rejects with a `BrokerError` of another kind.
 */
export async function produce(
  target: ProduceTarget,
  batches: readonly EncodedBatch[],
  rule: RetryRule,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  let pending = batches
  await retrying(async () => {
    const problems = await target.directory.ensure(pending.map(({ batch }) => batch.topic))
    const usable: EncodedBatch[] = []
    for (const encoded of pending) {
      const error = problems.get(encoded.batch.topic)
      if (error === undefined) usable.push(encoded)
      else outcomes.push({ batch: encoded.batch, state: 'refused', error, faulty: [] })
    }
    const left = await attempt(target, usable, outcomes)
    pending = left.batches
    if (left.failure !== undefined) throw left.failure
  }, rule)
  return outcomes
}

interface Left {
  readonly batches: readonly EncodedBatch[]
  /** Why they are left: the first reason that ends it all, otherwise one to try again for. */
  readonly failure: BrokerError | undefined
}

async function attempt(
  target: ProduceTarget,
  batches: readonly EncodedBatch[],
  outcomes: Outcome[],
): Promise<Left> {
  const byLeader = Map.groupBy(batches, ({ batch }) => leaderOf(target, batch))
  const results = await Promise.all(
    Array.from(byLeader, async ([leader, own]) => attemptOn(target, leader, own, outcomes)),
  )
  const failures = results.map(({ failure }) => failure).filter((failure) => failure !== undefined)
  const left = results.flatMap((result) => result.batches)
  target.directory.forget(left.map(({ batch }) => batch.topic))
  return { batches: left, failure: failures.find(({ kind }) => kind !== 'away') ?? failures[0] }
}

function leaderOf({ directory }: ProduceTarget, { topic, partition }: PartitionBatch): number {
  return directory.at(topic).leaders[partition] ?? -1
}

async function attemptOn(
  target: ProduceTarget,
  leader: number,
  batches: readonly EncodedBatch[],
  outcomes: Outcome[],
): Promise<Left> {
  let response: ProduceResponse
  try {
    if (leader < 0) throw new BrokerError('away', 'Kafka: a partition has no leader')
    const connection = await target.cluster.connectionTo(leader)
    response = await ask(target, connection, batches)
  } catch (error) {
    return { batches, failure: toBrokerError(error) }
  }
  let failure: BrokerError | undefined
  const left: EncodedBatch[] = []
  for (const encoded of batches) {
    const answer = answerOf(response, encoded.batch)
    const decided = decide(encoded.batch, answer)
    if (decided instanceof BrokerError) {
      left.push(encoded)
      if (!isAnswer(decided)) target.onAmbiguous()
      if (failure === undefined || failure.kind === 'away') failure = decided
    } else outcomes.push(decided)
  }
  return { batches: left, failure }
}

function answerOf(
  response: ProduceResponse,
  { topic, partition }: PartitionBatch,
): ProducePartitionResponse | undefined {
  return response.responses
    .find(({ name }) => name === topic)
    ?.partitionResponses.find(({ index }) => index === partition)
}

/** The outcome where it is decided, the failure where it is to be tried again or ends it all. */
function decide(
  batch: PartitionBatch,
  answer: ProducePartitionResponse | undefined,
): Outcome | BrokerError {
  if (answer === undefined)
    return new BrokerError('unknown', `Kafka: no answer for ${batch.topic}-${batch.partition}`)
  const { errorCode } = answer
  if (errorCode === 0) return { batch, state: 'written', baseOffset: answer.baseOffset }
  const kind = kindOfCode(errorCode)
  const place = `partition ${batch.partition} of topic ${batch.topic}`
  // A partition that moved is unknown to the broker it was on: the directory decides at the next try.
  if (errorCode === UNKNOWN_TOPIC) return new BrokerError('away', `Kafka: ${place} is not here`)
  if (kind === 'topic-unavailable')
    return { batch, state: 'refused', error: problemOf(batch.topic, errorCode), faulty: [] }
  const text = `${place} refused the batch: ${answer.errorMessage ?? nameOf(errorCode)}`
  const error = brokerErrorOfCode(errorCode, text, batch.topic)
  if (kind !== 'event-refused') return error
  const faulty = answer.recordErrors.map(({ batchIndex }) => batchIndex)
  return { batch, state: 'refused', error, faulty: faulty.toSorted((a, b) => a - b) }
}

const NAMES: Readonly<Record<number, string>> = {
  2: 'CORRUPT_MESSAGE',
  10: 'MESSAGE_TOO_LARGE',
  18: 'RECORD_LIST_TOO_LARGE',
  19: 'NOT_ENOUGH_REPLICAS',
  20: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  32: 'INVALID_TIMESTAMP',
  45: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  47: 'INVALID_PRODUCER_EPOCH',
  87: 'INVALID_RECORD',
  90: 'PRODUCER_FENCED',
}

function nameOf(code: number): string {
  return NAMES[code] ?? `error ${code}`
}

const PRODUCE_KEY = 0
const PRODUCE_VERSION = 9

async function ask(
  target: ProduceTarget,
  connection: NodeConnection,
  batches: readonly EncodedBatch[],
): Promise<ProduceResponse> {
  const { peer } = target.cluster
  const { promise, resolve, reject } = Promise.withResolvers<ProduceResponse>()
  connection.send(
    PRODUCE_KEY,
    PRODUCE_VERSION,
    () => writeRequest(peer.Writer.create(), target, batches),
    peer.produceV9.parseResponse,
    true,
    true,
    (error, response) => (error === null ? resolve(response) : reject(error)),
  )
  try {
    return await responseOf(promise)
  } catch (error) {
    target.onAmbiguous()
    throw error
  }
}

const NO_TAGS = Buffer.from([0])

function writeRequest(
  writer: RequestWriter,
  target: ProduceTarget,
  batches: readonly EncodedBatch[],
): RequestWriter {
  const topics = Map.groupBy(batches, ({ batch }) => batch.topic)
  const head = Buffer.alloc(6)
  head.writeInt16BE(-1, 0)
  head.writeInt32BE(target.timeoutMs, 2)
  writer.append(compactString(target.transactionalId)).append(head).append(length(topics.size))
  for (const [topic, own] of topics) {
    writer.append(compactString(topic)).append(length(own.length))
    for (const { batch, bytes } of own) {
      const index = Buffer.alloc(4)
      index.writeInt32BE(batch.partition)
      writer.append(index).append(length(bytes.length)).append(bytes).append(NO_TAGS)
    }
    writer.append(NO_TAGS)
  }
  return writer.append(NO_TAGS)
}

/** A length in the protocol's compact form: one more than it is, 0 for null. */
function length(count: number): Buffer {
  const bytes: number[] = []
  let rest = count + 1
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}

function compactString(text: string | null): Buffer {
  if (text === null) return NO_TAGS
  const bytes = Buffer.from(text)
  return Buffer.concat([length(bytes.length), bytes])
}

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Admin, Producer } from '@platformatic/kafka'
import type { GroupProtocol } from '../../../src/brokers/kafka/kafka-options.ts'
import { openKafkaLog } from '../../../src/brokers/kafka/log-client.ts'
import type { LogRecord } from '../../../src/core/codec.ts'
import type { FetchOptions, LogClient, Page, Position } from '../../../src/core/log.ts'
import { type KafkaAddress, readTopic, type TopicRecord } from '../../servers/index.ts'

export const never: AbortSignal = new AbortController().signal

export const fetchOptions: FetchOptions = {
  maxBytes: 1 << 20,
  maxPartitionBytes: 1 << 18,
  maxWaitMs: 500,
  signal: never,
}

export async function openLog(
  server: KafkaAddress,
  {
    requestTimeout = 5_000,
    groupProtocol = 'classic',
  }: { requestTimeout?: number; groupProtocol?: GroupProtocol } = {},
): Promise<LogClient & AsyncDisposable> {
  const log = await openKafkaLog(
    {
      clientId: 'test',
      clientOptions: { bootstrapBrokers: [server.address], requestTimeout },
    },
    { clientId: 'kafka-log-test', groupProtocol },
  )
  return Object.assign(log, { [Symbol.asyncDispose]: () => log.close() })
}

export interface ReadRecord extends LogRecord {
  readonly partition: number
}

/** Fetches from the earliest offsets until nothing is left below the end of any partition. */
export async function readToEnd(
  log: LogClient,
  topic: string,
  options: Partial<FetchOptions> = {},
): Promise<{ records: ReadRecord[]; positions: readonly Position[]; pages: readonly Page[] }> {
  const records: ReadRecord[] = []
  const pages: Page[] = []
  let positions = await log.offsets(await log.partitions([topic]), 'earliest')
  const ends = await log.offsets(positions, 'latest')
  while (positions.some((at, i) => at.offset < (ends[i]?.offset ?? 0n))) {
    const found = await log.fetch(positions, { ...fetchOptions, ...options })
    for (const page of found) {
      assert.equal(page.error, null)
      pages.push(page)
      for (const record of page.records) records.push({ ...record, partition: page.partition })
    }
    positions = advance(positions, found)
  }
  return { records, positions, pages }
}

export function advance(positions: readonly Position[], pages: readonly Page[]): Position[] {
  return positions.map((at) => {
    const page = pages.find((one) => one.topic === at.topic && one.partition === at.partition)
    return page === undefined ? at : { ...at, offset: page.nextOffset }
  })
}

function plain(record: ReadRecord | TopicRecord): unknown {
  return {
    partition: record.partition,
    offset: Number(record.offset),
    timestamp: record.timestamp,
    key: record.key?.toString('hex') ?? null,
    value: record.value?.toString('hex') ?? null,
    headers: record.headers.map(([name, value]) => [name, value?.toString('hex')]),
  }
}

/** Asserts that Kafka's own consumer sees the same records, byte for byte. */
export async function assertAsKafkaReads(
  server: KafkaAddress,
  topic: string,
  records: readonly ReadRecord[],
): Promise<void> {
  const expected = await readTopic(server, topic)
  const inOrder = records.toSorted((a, b) => a.partition - b.partition)
  assert.deepEqual(
    inOrder.map(plain),
    expected.toSorted((a, b) => a.partition - b.partition).map(plain),
  )
}

type Transaction = Awaited<ReturnType<Producer['beginTransaction']>>
type Message = Parameters<Producer['send']>[0]['messages'][number]

const READ_UNCOMMITTED = 0

/** A producer of transactions whose sends go one by one. */
export class TransactionalProducer implements AsyncDisposable {
  readonly #producer: Producer
  readonly #admin: Admin
  #open: Transaction | null = null
  readonly #written = new Map<string, Set<number>>()

  constructor(server: KafkaAddress, timeoutMs = 60_000) {
    this.#producer = new Producer({
      clientId: 'test',
      bootstrapBrokers: [server.address],
      idempotent: true,
      transactionalId: randomUUID(),
      timeout: timeoutMs,
      retries: 500,
      retryDelay: 5,
    })
    this.#admin = new Admin({ clientId: 'test', bootstrapBrokers: [server.address] })
  }

  /** Sends within the open transaction, or in a new one. */
  async send(topic: string, values: readonly (string | Buffer)[], partition = 0): Promise<void> {
    this.#open ??= await this.#producer.beginTransaction({ producerId: -1n, producerEpoch: -1 })
    const messages: Message[] = values.map((value) => ({
      topic,
      partition,
      value: Buffer.from(value),
    }))
    await this.#open.send({ acks: -1, messages })
    this.#written.set(topic, (this.#written.get(topic) ?? new Set()).add(partition))
  }

  /** Resolves when readers see it. */
  async commit(): Promise<void> {
    await this.#end((transaction) => transaction.commit())
  }

  /** Resolves when readers are past it. */
  async abort(): Promise<void> {
    await this.#end((transaction) => transaction.abort())
  }

  async #end(how: (transaction: Transaction) => Promise<void>): Promise<void> {
    if (this.#open === null) return
    const before = await this.#highWatermarks()
    await how(this.#open)
    this.#open = null
    // The broker has decided, and writes a marker into each partition in its own time.
    while ((await this.#highWatermarks()).some((mark, i) => mark === before[i]));
    this.#written.clear()
  }

  async #highWatermarks(): Promise<bigint[]> {
    const topics = Array.from(this.#written, ([name, partitions]) => ({
      name,
      partitions: Array.from(partitions, (partitionIndex) => ({ partitionIndex, timestamp: -1n })),
    }))
    const found = await this.#admin.listOffsets({ topics, isolationLevel: READ_UNCOMMITTED })
    return found.flatMap((topic) => topic.partitions.map((one) => one.offset))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#producer.close(), this.#admin.close()])
  }
}

/** Sends records without a transaction, in one batch a partition. */
export async function produce(
  server: KafkaAddress,
  messages: readonly Message[],
  compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd' = 'none',
): Promise<void> {
  const producer = new Producer({
    clientId: 'test',
    bootstrapBrokers: [server.address],
    // Where one partition of a new topic has no leader yet, all are sent again.
    idempotent: true,
  })
  await producer.send({ acks: -1, compression, messages: [...messages] })
  await producer.close()
}

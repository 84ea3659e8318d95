import { randomUUID } from 'node:crypto'
import type { Broker, Publisher, TopicRecord } from '../../core/broker.ts'
import type { IdRanges } from '../../core/id-ranges.ts'
import type { FetchOptions, LogClient, Page, Position } from '../../core/log.ts'
import type { Ack } from '../../core/outbox-store.ts'

/** What the suite needs to know of a broker, and to do to it. One harness serves all cases. */
export interface BrokerHarness extends AsyncDisposable {
  readonly broker: Broker
  /** Another object on the same broker, as another process has it. */
  readonly other: Broker
  /** Makes a topic, and resolves when it can be written to. */
  createTopic(topic: string, partitions: number): Promise<void>
  /** A name that no topic has, where none is made by using it; `null` if that can't be. */
  unknownTopic(): Promise<string | null>
  /** A record of this topic that the broker refuses. @defaultValue one of `maxRecordBytes` and more */
  refusedRecord?(topic: string): TopicRecord
  /** Expels all members of a group without asking them. */
  expel?(group: string): Promise<void>
  /** Short, and as long as the broker asks for at least. */
  readonly sessionTimeoutMs: number
}

export function freshName(what: string): string {
  return `contract-${what}-${randomUUID()}`
}

export async function freshTopic(harness: BrokerHarness, partitions = 1): Promise<string> {
  const topic = freshName('topic')
  await harness.createTopic(topic, partitions)
  return topic
}

/** A record whose value is text; more of it by `more`. */
export function recordOf(
  topic: string,
  text: string,
  more: Partial<Omit<TopicRecord, 'topic'>> = {},
): TopicRecord {
  return { topic, key: Buffer.from('key'), value: Buffer.from(text), headers: [], ...more }
}

/** A publisher that numbers its batches. */
export class Sender implements AsyncDisposable {
  readonly publisher: Publisher
  readonly relayId: string
  #number = 0
  #nextId = 1n

  private constructor(publisher: Publisher, relayId: string) {
    this.publisher = publisher
    this.relayId = relayId
  }

  static async open(broker: Broker): Promise<Sender> {
    const relayId = randomUUID()
    const publisher = await broker.openPublisher({
      outbox: 'contract',
      relayId,
      signal: new AbortController().signal,
      onAway: () => {},
    })
    return new Sender(publisher, relayId)
  }

  /** A batch that holds these, under ids that are new. */
  batch(records: readonly TopicRecord[]): Parameters<Publisher['append']>[0] {
    const first = this.#nextId
    this.#nextId += BigInt(records.length)
    const ids: IdRanges = [[first, this.#nextId - 1n]]
    return { number: ++this.#number, ids, records }
  }

  async publish(records: readonly TopicRecord[]): Promise<readonly Ack[]> {
    const result = await this.publisher.append(this.batch(records), () => {})
    if (result.state !== 'appended')
      throw new Error(`refused: ${result.refusals[0]?.error.message}`)
    await result.commit()
    return result.acks
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.publisher.close()
  }
}

/** Publishes with a publisher of its own. */
export async function publish(broker: Broker, records: readonly TopicRecord[]): Promise<void> {
  await using sender = await Sender.open(broker)
  await sender.publish(records)
}

export interface OpenedLog extends AsyncDisposable {
  readonly client: LogClient
}

export async function openLog(broker: Broker): Promise<OpenedLog> {
  const client = await broker.openLog({ clientId: 'contract' })
  return { client, [Symbol.asyncDispose]: async () => client.close() }
}

export const FETCH: Omit<FetchOptions, 'signal'> = {
  maxBytes: 4_000_000,
  maxPartitionBytes: 1_000_000,
  maxWaitMs: 500,
}

export async function fetchOnce(
  client: LogClient,
  positions: readonly Position[],
  maxWaitMs: number = FETCH.maxWaitMs,
): Promise<readonly Page[]> {
  return client.fetch(positions, { ...FETCH, maxWaitMs, signal: AbortSignal.timeout(60_000) })
}

/**
 * The records of a topic by partition: reads until `count` are there, which a broker may show a
 * moment after their commit, and then whether there are more.
 */
export async function readTopic(
  broker: Broker,
  topic: string,
  count: number,
): Promise<ReadonlyMap<number, Page['records']>> {
  await using log = await openLog(broker)
  const from = await log.client.offsets(await log.client.partitions([topic]), 'earliest')
  const next = new Map(from.map(({ partition, offset }) => [partition, offset]))
  const read = new Map<number, Page['records']>()
  const deadline = performance.now() + 20_000
  for (let found = 0; ;) {
    const open = Array.from(next, ([partition, offset]) => ({ topic, partition, offset }))
    const isEnough = found >= count || performance.now() > deadline
    const pages = await fetchOnce(log.client, open, isEnough ? 100 : FETCH.maxWaitMs)
    for (const { partition, records, nextOffset, error } of pages) {
      if (error !== null) throw error
      next.set(partition, nextOffset)
      if (records.length > 0) read.set(partition, [...(read.get(partition) ?? []), ...records])
      found += records.length
    }
    if (isEnough && pages.every(({ records }) => records.length === 0)) return read
  }
}

/** The values of a topic as text, partition by partition. */
export async function readTexts(
  broker: Broker,
  topic: string,
  count: number,
): Promise<readonly string[]> {
  const read = [...(await readTopic(broker, topic, count))].toSorted(([a], [b]) => a - b)
  return read.flatMap(([, records]) => records.map((record) => String(record.value)))
}

/** A record that the broker refuses. */
export function refusedRecord(harness: BrokerHarness, topic: string): TopicRecord {
  const tooLarge = Buffer.alloc(harness.broker.maxRecordBytes + 1)
  return harness.refusedRecord?.(topic) ?? recordOf(topic, '', { value: tooLarge })
}

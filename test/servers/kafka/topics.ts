import type { Address } from '../server.ts'
import { ask } from './witness.ts'
import type { KafkaServer } from './kafka.ts'

/** A Kafka, or only its address; with an authorizer, questions are asked where all is allowed. */
export type KafkaAddress = Address | KafkaServer

/** A record as Kafka's own client sees it. */
export interface TopicRecord {
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
  /** `null` is not the same as empty. */
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** In order, names may repeat. */
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
}

export interface ReadOptions {
  /** Whether records of transactions that did not commit are shown. @defaultValue 'read_committed' */
  readonly isolation?: 'read_committed' | 'read_uncommitted'
  /** Waits until there are so many; what there are more is read too. @defaultValue 0 */
  readonly atLeast?: number
  /** Where to begin, by partition. @defaultValue the oldest offsets */
  readonly from?: Readonly<Record<number, number>>
  /** @defaultValue 30000 */
  readonly timeoutMs?: number
}

/**
 * Reads a topic to its end with Kafka's own consumer, which shares no code with ours. With
 * `read_committed` the end is where the first open transaction begins. Records come in the order of
 * their offsets within a partition.
 *
 * @throws when there is no such topic, or fewer than `atLeast` records after `timeoutMs`
 * @example
 * const records = await readTopic(kafka, 'orders', { atLeast: 1_000 })
 */
export async function readTopic(
  server: KafkaAddress,
  topic: string,
  options: ReadOptions = {},
): Promise<TopicRecord[]> {
  const { isolation = 'read_committed', atLeast = 0, timeoutMs = 30_000 } = options
  const from = Object.entries(options.from ?? {}).map(([partition, at]) => [Number(partition), at])
  const question = { address: adminOf(server), topic, isolation, atLeast, timeoutMs, from }
  const records = await ask('read', question)
  if (records.length < atLeast) {
    throw new Error(`${topic} has ${records.length} of ${atLeast} records after ${timeoutMs} ms`)
  }
  return records.map(toRecord)
}

export interface TopicOptions {
  /** @defaultValue 1 */
  readonly partitions?: number
  /** @example { 'cleanup.policy': 'compact' } */
  readonly configs?: Readonly<Record<string, string>>
}

/** Makes a topic and waits until its partitions have leaders. */
export async function createTopic(
  server: KafkaAddress,
  topic: string,
  options: TopicOptions = {},
): Promise<void> {
  const { partitions = 1, configs = {} } = options
  await ask('createTopic', { address: adminOf(server), topic, partitions, configs })
}

export interface MovedLeader {
  readonly topic: string
  readonly partition: number
  /** The node that leads it now. */
  readonly leader: number
}

/**
 * Gives the lead of every partition, those of Kafka's own topics included, to the replica `by`
 * places after the one that has it. Waits up to ten seconds for those that
 * are not in sync, and passes them over then.
 */
export async function moveLeaders(server: KafkaAddress, by: number): Promise<MovedLeader[]> {
  const lines = await ask('moveLeaders', { address: adminOf(server), by, waitMs: 10_000 })
  return lines.map((line) => {
    const [topic, partition, leader] = line as [string, number, number]
    return { topic, partition, leader }
  })
}

/** What a user may do to a thing of Kafka's. */
export interface Grant {
  /** @defaultValue 'app' */
  readonly user?: string
  readonly resource: 'topic' | 'group' | 'cluster' | 'transactional_id'
  /** `kafka-cluster` for the cluster; `*` for all. */
  readonly name: string
  /** @defaultValue 'literal' */
  readonly pattern?: 'literal' | 'prefixed'
  /** @example ['WRITE', 'DESCRIBE'] */
  readonly operations: readonly string[]
}

/** Allows something to a user of a Kafka with an authorizer. Takes effect within milliseconds. */
export async function grant(server: KafkaAddress, what: Grant): Promise<void> {
  await ask('grant', { address: adminOf(server), user: 'app', pattern: 'literal', ...what })
}

/** Takes back what was granted, named in the same words. */
export async function revoke(server: KafkaAddress, what: Grant): Promise<void> {
  await ask('revoke', { address: adminOf(server), user: 'app', pattern: 'literal', ...what })
}

function adminOf(server: KafkaAddress): string {
  return 'admin' in server ? server.admin.address : server.address
}

function toRecord(fields: readonly unknown[]): TopicRecord {
  const [partition, offset, timestamp, key, value, headers] = fields as [
    number,
    number,
    number,
    string | null,
    string | null,
    [string, string | null][],
  ]
  return {
    partition,
    offset,
    timestamp,
    key: fromBase64(key),
    value: fromBase64(value),
    headers: headers.map(([name, bytes]) => [name, fromBase64(bytes)] as const),
  }
}

function fromBase64(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'base64')
}

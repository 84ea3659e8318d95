import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { postgres } from '../../src/stores/postgres/index.ts'
import { createDatabase, createTopic, readTopic } from '../servers/index.ts'
import type { Address, KafkaAddress, TestDatabase, TopicRecord } from '../servers/index.ts'
import { eventually } from '../chaos/eventually.ts'
import { judge } from './judge.ts'
import type { Seen, Verdict } from './judge.ts'
import { RelayChild } from './relay-child.ts'
import type { RelayJob } from './relay-process.ts'
import { Writers } from './writers.ts'

const TTL_MS = 2000

/** Writers, relays and a topic, on servers that the caller has. */
export class Campaign implements AsyncDisposable {
  readonly topic: string
  /** All that were started, the dead ones too. */
  readonly relays: RelayChild[] = []
  readonly writers: Writers
  readonly job: RelayJob
  readonly #kafka: KafkaAddress
  readonly #database: TestDatabase

  static async begin(options: {
    postgres: Address
    kafka: KafkaAddress
    guarantee: RelayJob['guarantee']
    batchSize?: number
    ttlMs?: number
    user?: RelayJob['user']
  }): Promise<Campaign> {
    const name = `chaos_${randomUUID().slice(0, 8)}`
    const database = await createDatabase(options.postgres, name)
    const store = postgres({ url: database.url })
    await store.migrate()
    await store.close()
    await createTopic(options.kafka, name, { partitions: 4 })
    return new Campaign(options.kafka, database, {
      databaseUrl: database.url,
      broker: options.kafka.address,
      guarantee: options.guarantee,
      batchSize: options.batchSize ?? 100,
      ttlMs: options.ttlMs ?? TTL_MS,
      ...(options.user === undefined ? {} : { user: options.user }),
    })
  }

  private constructor(kafka: KafkaAddress, database: TestDatabase, job: RelayJob) {
    this.#kafka = kafka
    this.#database = database
    this.job = job
    this.topic = database.name
    this.writers = new Writers(database.url, this.topic)
  }

  startRelay(): RelayChild {
    const relay = new RelayChild(this.job)
    this.relays.push(relay)
    return relay
  }

  /** Ends the load, waits until everything is delivered, and compares what a reader of the topic sees. */
  async judge(): Promise<Verdict> {
    await this.writers.stop()
    await eventually('everything is delivered', async () => {
      const [row] = await this.query(
        'SELECT ((SELECT count(*) FROM oncommit.delivery) + (SELECT count(*) FROM oncommit.held))::int AS pending',
      )
      return row?.['pending'] === 0 ? true : undefined
    })
    const records = await this.#read(this.writers.committed.length)
    return judge(this.writers.committed, records.map(toSeen))
  }

  /**
   * What Kafka's own consumer sees. Committed records show up once no transaction before them is
   * open: one that a dead relay left open ends with its fence, or when its time is over.
   */
  async #read(atLeast: number): Promise<TopicRecord[]> {
    try {
      return await readTopic(this.#kafka, this.topic, { atLeast, timeoutMs: 30_000 })
    } catch {
      return readTopic(this.#kafka, this.topic)
    }
  }

  async query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: this.#database.url })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(text, values)).rows
    } finally {
      await client.end()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.writers[Symbol.asyncDispose]()
    await Promise.all(this.relays.map((relay) => relay[Symbol.asyncDispose]()))
  }
}

function toSeen({ key, value, headers, timestamp }: TopicRecord): Seen {
  const uuid = headers.find(([name]) => name === 'ce_id')?.[1]
  return { key: String(key), number: Number(value), uuid: String(uuid), at: timestamp }
}

import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { postgres } from '../../src/stores/postgres/index.ts'
import { createDatabase, createTopic, readTopic } from '../servers/index.ts'
import type { Address, KafkaAddress, TestDatabase, TopicRecord } from '../servers/index.ts'
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
  /** When a relay was killed or frozen, milliseconds since the epoch. */
  readonly faults: number[] = []
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

  /** The relay that works on the most lanes, once there is one. */
  async workingRelay(): Promise<RelayChild> {
    return eventually('a relay owns lanes', () => {
      const alive = this.relays.filter((relay) => relay.isAlive && relay.report.lanes > 0)
      return alive.toSorted((a, b) => b.report.lanes - a.report.lanes)[0]
    })
  }

  /** Resolves when this relay's row is gone: another one has taken its place. */
  async takenOver(relayId: string): Promise<void> {
    await eventually(`the lanes of ${relayId} are taken over`, async () => {
      const rows = await this.query('SELECT 1 FROM oncommit.relays WHERE id = $1', [relayId])
      return rows.length === 0 ? true : undefined
    })
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
    return judge(this.writers.committed, records.map(toSeen), this.faults)
  }

  /** How many lives of relays ended without a fault of ours: on a machine too busy to keep a lease. */
  get unplanned(): number {
    return this.relays.reduce((sum, relay) => sum + relay.lost, 0) - this.faults.length
  }

  /** How many events may come again after one fault: the two newest batches of each life that ended. */
  get mayRepeat(): number {
    if (this.job.guarantee === 'exactly-once') return 0
    return 2 * this.job.batchSize * (1 + Math.max(0, this.unplanned))
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

/** Resolves with what `look` gives, once it gives something and does not fail. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 90_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  let failure: unknown
  while (performance.now() < deadline) {
    try {
      const seen = await look()
      if (seen !== undefined) return seen
    } catch (error) {
      failure = error
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: failure })
}

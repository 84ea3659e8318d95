import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import type { Broker } from '../../src/core/broker.ts'
import type { Codec } from '../../src/core/codec.ts'
import type { EventInput } from '../../src/core/event.ts'
import type { Logger } from '../../src/core/logger.ts'
import { cloudEvents } from '../../src/codecs/cloudevents/index.ts'
import { topicNameProblem } from '../../src/core/topic-name.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { Relay } from '../../src/relay/relay.ts'
import type { RelayOptions } from '../../src/relay/options.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import type { OutboxStore } from '../../src/core/outbox-store.ts'
import type { TestDatabase } from '../servers/index.ts'

/** Keeps what was logged, for tests that look at it. */
export class MemoryLogger implements Logger {
  readonly lines: string[] = []
  debug(message: string): void {
    this.lines.push(`debug ${message}`)
  }
  info(message: string): void {
    this.lines.push(`info ${message}`)
  }
  warn(message: string): void {
    this.lines.push(`warn ${message}`)
  }
  error(message: string): void {
    this.lines.push(`error ${message}`)
  }
}

/** An outbox on PostgreSQL with what a test does to it. */
export class OutboxFixture implements AsyncDisposable {
  readonly pool: Pool
  readonly store: OutboxStore
  readonly logger: MemoryLogger = new MemoryLogger()
  readonly #url: string
  readonly #relays = new Set<Relay>()
  readonly #stores: OutboxStore[] = []
  readonly #brokers = new Set<Broker>()

  static async open(database: TestDatabase): Promise<OutboxFixture> {
    const fixture = new OutboxFixture(database.url)
    await fixture.store.migrate()
    return fixture
  }

  private constructor(url: string) {
    this.#url = url
    this.pool = new Pool({ connectionString: url })
    this.pool.on('error', () => {})
    this.store = postgres({ url })
    this.#stores.push(this.store)
  }

  /** Sends in a transaction of their own, and commits. */
  async commit(...events: EventInput[]): Promise<void> {
    await this.transaction((send) => send(events))
  }

  /** Runs `work` in a transaction; rolls back where it throws. */
  async transaction(
    work: (send: (events: EventInput[]) => Promise<void>, client: PoolClient) => Promise<void>,
  ): Promise<void> {
    const client = await this.pool.connect()
    const wake = (): void => this.#relays.forEach((relay) => relay.wake())
    const limits = {
      maxRecordBytes: 4_000_000,
      recordBytes: () => 0,
      topicProblem: topicNameProblem,
    }
    const outbox = new Outbox(this.store, limits, wake)
    try {
      await client.query('BEGIN')
      await work((events) => outbox.send(client, events), client)
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  }

  /** A relay on connections of its own, as in a process of its own. Its broker is closed with the fixture. */
  async relay(
    broker: Broker,
    options: RelayOptions = {},
    codec: Codec = cloudEvents(),
  ): Promise<Relay> {
    const store = postgres({ url: this.#url }) as OutboxStore
    this.#stores.push(store)
    const relay = new Relay({ store, broker, codecFor: () => codec, logger: this.logger }, options)
    this.#relays.add(relay)
    this.#brokers.add(broker)
    await relay.start()
    return relay
  }

  async query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.pool.query(text, values)).rows as Record<string, unknown>[]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#relays].map((relay) => relay.stop()))
    await Promise.all([...this.#brokers].map((broker) => broker.close()))
    await Promise.all(this.#stores.map((store) => store.close()))
    await this.pool.end()
  }
}

/** Resolves when `look` gives something other than `undefined`; looks again as fast as it answers. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined) return seen
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { Pool } from 'pg'
import connectPostgresJs from 'postgres'

import { local } from '../../src/brokers/local/index.ts'
import { EventBus, type EventBusOptions } from '../../src/bus/event-bus.ts'
import type { Consumer } from '../../src/consumer/consume/consumer.ts'
import type { OutboxStore } from '../../src/core/outbox-store.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import type { PostgresOptions } from '../../src/stores/postgres/index.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'
import { CuttingProxy } from './postgres/cutting-proxy.ts'
import { PostgresInboxHarness } from './postgres/inbox-harness.ts'
import { freshTopic } from './stream/places.ts'
import { eventually, MemoryLogger, numbers } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

type Given = NonNullable<PostgresOptions['pool']>

let database: TestDatabase

before(async () => {
  database = await createDatabase(await sharedPostgres(), 'consume_inbox_outages')
})
after(async () => database.drop())

const drivers = {
  pg: (port: number, max = 4): { given: Given; end: () => Promise<void> } => {
    const connectionTimeoutMillis = max === 1 ? 100 : 10_000
    const pool = new Pool({ ...database.connection, port, max, connectionTimeoutMillis })
    pool.on('error', () => {})
    return { given: pool, end: async () => pool.end() }
  },
  'Postgres.js': (port: number, max = 4): { given: Given; end: () => Promise<void> } => {
    // A prepared COMMIT has no name by which it could be cut.
    const sql = connectPostgresJs({ ...database.connection, port, max, prepare: false })
    // Without a timeout it waits for ever for a connection that was lost.
    return { given: sql, end: async () => sql.end({ timeout: 1 }) }
  },
} as const

for (const driver of ['pg', 'Postgres.js'] as const) {
  describe(`an inbox through ${driver} whose answer to COMMIT is lost`, () => {
    const cuts = {
      after: 'the server had committed: the next time nothing is new',
      before: 'the server had not: the next time it is handled',
    } as const
    for (const cut of ['after', 'before'] as const) {
      it(`gives a StoreError; where ${cuts[cut]}`, async () => {
        await using harness = await PostgresInboxHarness.open(database, driver)
        await using proxy = await CuttingProxy.start(database.connection)
        const { given, end } = drivers[driver](proxy.port)
        const store = harness.storeOf(harness.schema, { pool: given })
        const event = uuidv7()
        const handle = async (): Promise<ReadonlySet<string> | undefined> =>
          store.inbox?.once('g', [event], async (tx) => harness.add(tx, 1))
        proxy.cutAtNextCommit(cut)
        await assert.rejects(handle, { code: 'ONCOMMIT_STORE', message: /connection/i })
        assert.equal(await harness.sum(), cut === 'after' ? 1 : 0)
        const again = await handle()
        assert.equal(again?.size, cut === 'after' ? 0 : 1)
        assert.deepEqual([await harness.sum(), await harness.countNoted()], [1, 1])
        await end()
      })

      it(`is asked again by its consumer, which counts no attempt (cut ${cut} it came there)`, async () => {
        await using harness = await PostgresInboxHarness.open(database, driver)
        await using proxy = await CuttingProxy.start(database.connection)
        const { given, end } = drivers[driver](proxy.port)
        await using shop = await Shop.open(
          harness,
          harness.storeOf(harness.schema, { pool: given }),
        )
        await shop.send(numbers(20))
        const consumer = shop.consume({ onHandled: (n) => n === 10 && proxy.cutAtNextCommit(cut) })
        await eventually('it waits', () => consumer.health().state === 'reconnecting')
        await shop.done(consumer)
        assert.equal(consumer.health().state, 'running')
        const { handled, duplicates, dead } = await consumer.stop()
        assert.deepEqual([handled, duplicates, dead], [20, cut === 'after' ? 1 : 0, 0])
        assert.deepEqual([await harness.sum(), await harness.countNoted()], [20, 20])
        assert.deepEqual(new Set(shop.attempts), new Set([1]))
        assert.match(shop.logger.at('error').join('\n'), /waits for its inbox: .*connection/i)
        assert.equal(shop.logger.at('error').length, 1)
        await end()
      })
    }
  })

  describe(`a consumer whose inbox is on a pool of ${driver}`, () => {
    it('waits and says why, where the pool was ended, and stops all the same', async () => {
      await using harness = await PostgresInboxHarness.open(database, driver)
      const { given, end } = drivers[driver](database.connection.port)
      await using shop = await Shop.open(harness, harness.storeOf(harness.schema, { pool: given }))
      await end()
      await shop.send(['1'])
      const consumer = shop.consume()
      await eventually('it waits', () => consumer.health().state === 'reconnecting')
      assert.match(shop.logger.at('error').join(), /after calling end|CONNECTION_ENDED/)
      const { handled, dead, abandoned } = await consumer.stop()
      assert.deepEqual([handled, dead, abandoned, shop.attempts], [0, 0, 0, []])
    })

    it('goes on where the pool had no connection left for a while, and counts no attempt', async () => {
      await using harness = await PostgresInboxHarness.open(database, driver)
      const { given, end } = drivers[driver](database.connection.port, 1)
      await using shop = await Shop.open(harness, harness.storeOf(harness.schema, { pool: given }))
      const release = await takeConnection(given)
      await shop.send(['1'])
      const consumer = shop.consume()
      // Postgres.js has no end to its waiting.
      if (driver === 'pg') {
        await eventually('it waits', () => consumer.health().state === 'reconnecting')
        assert.match(shop.logger.at('error').join(), /timeout exceeded when trying to connect/)
      }
      assert.deepEqual(shop.attempts, [])
      release()
      await shop.done(consumer)
      const { handled, dead } = await consumer.stop()
      assert.deepEqual([handled, dead, shop.attempts, await harness.sum()], [1, 0, [1], 1])
      await end()
    })
  })
}

async function takeConnection(given: Given): Promise<() => void> {
  if ('totalCount' in given) {
    const client = await given.connect()
    return () => client.release()
  }
  const reserved = await (given as ReturnType<typeof connectPostgresJs>).reserve()
  return () => reserved.release()
}

/** A bus with the store of a harness, and a topic whose events add 1 each. */
class Shop implements AsyncDisposable {
  readonly logger = new MemoryLogger()
  readonly attempts: number[] = []
  readonly #harness: PostgresInboxHarness
  readonly #bus: EventBus
  readonly #sender: Sender
  readonly #topic = freshTopic()

  private constructor(
    harness: PostgresInboxHarness,
    bus: Omit<EventBusOptions, 'logger'>,
    sender: Sender,
  ) {
    this.#harness = harness
    this.#bus = new EventBus({ ...bus, logger: this.logger })
    this.#sender = sender
  }

  static async open(harness: PostgresInboxHarness, store: OutboxStore): Promise<Shop> {
    const broker = local({ partitions: 1 })
    return new Shop(harness, { broker, store }, await Sender.open(broker))
  }

  async send(texts: readonly string[]): Promise<void> {
    await this.#sender.send(this.#topic, texts)
  }

  consume({ onHandled = () => {} }: { onHandled?: (count: number) => unknown } = {}): Consumer {
    const options = {
      group: this.#topic,
      inbox: true,
      retry: { attempts: 1 },
      deadLetter: {},
    } as const
    return this.#bus.consume(this.#topic, options, async (_, { tx, attempt }) => {
      await this.#harness.add(tx, 1)
      onHandled(this.attempts.push(attempt))
    })
  }

  done(consumer: Consumer): Promise<void> {
    return eventually('all are done', () => consumer.lag()[0]?.lag === 0n)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sender[Symbol.asyncDispose]()
    await this.#bus.close()
  }
}

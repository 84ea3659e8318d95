import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { Consumer } from '../../src/consumer/consume/consumer.ts'
import type { Handler } from '../../src/consumer/consume/handling.ts'
import type { ConsumeOptions } from '../../src/consumer/consume/options.ts'
import type { Broker } from '../../src/core/broker.ts'
import { MIGRATIONS } from '../../src/stores/postgres/migrations/index.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'
import { PostgresInboxHarness } from './postgres/inbox-harness.ts'
import { SqliteInboxHarness } from './sqlite/inbox-harness.ts'
import { freshTopic } from './stream/places.ts'
import { eventually, MemoryLogger, numbers } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

type Harness = PostgresInboxHarness | SqliteInboxHarness

let database: TestDatabase

before(async () => {
  database = await createDatabase(await sharedPostgres(), 'consume_inbox_stores')
})
after(async () => database.drop())

const stores: Readonly<Record<string, () => Promise<Harness>>> = {
  'PostgreSQL through pg': () => PostgresInboxHarness.open(database, 'pg'),
  'PostgreSQL through Postgres.js': () => PostgresInboxHarness.open(database, 'Postgres.js'),
  SQLite: () => SqliteInboxHarness.open(),
}

for (const [name, open] of Object.entries(stores)) {
  describe(`a consumer with an inbox in ${name}`, () => {
    it('may send in its transaction: what a handler sent exists exactly when its event is noted', async () => {
      await using harness = await open()
      await using shop = await Shop.open(harness)
      await shop.send(numbers(3))
      let failures = 0
      const consumer = shop.consume(async (event, { tx }) => {
        await shop.bus.send(tx, {
          topic: 'bills',
          key: event.text(),
          msgType: 'Billed',
          payload: {},
        })
        await harness.add(tx, 1)
        if (event.text() === '1' && failures++ < 2) throw new Error('not yet')
        assert.equal(await harness.countSent(), Number(event.text()))
        assert.equal(await harness.countNoted(), Number(event.text()))
      })
      await shop.done(consumer)
      assert.equal((await consumer.stop()).handled, 3)
      const counts = [harness.countSent(), harness.countNoted(), harness.sum()]
      assert.deepEqual([...(await Promise.all(counts)), failures], [3, 3, 3, 3])
    })

    it('counts it as a failure of the event where a handler ends the transaction by itself', async () => {
      await using harness = await open()
      await using shop = await Shop.open(harness)
      await shop.send(['1'])
      const consumer = shop.consume(
        async (_, { tx }) => {
          await harness.add(tx, 1)
          await harness.execute(tx, 'COMMIT')
        },
        { retry: { attempts: 2, backoff: { first: 1 } }, deadLetter: {} },
      )
      await shop.done(consumer)
      assert.equal((await consumer.stop()).dead, 1)
      assert.match(shop.logger.at('error').join(), /the inbox's to begin and to end.*got COMMIT/)
      assert.deepEqual([await harness.sum(), await harness.countNoted()], [0, 0])
    })

    it('waits for a migration where its tables are older, and burns no event meanwhile', async () => {
      await using harness = await open()
      await using shop = await Shop.open(harness)
      await harness.toVersionOne()
      await shop.send(numbers(3))
      const attempts: number[] = []
      const consumer = shop.consume(
        async (_, { tx, attempt }) => {
          attempts.push(attempt)
          await harness.add(tx, 1)
        },
        { retry: { attempts: 1 }, deadLetter: {} },
      )
      await eventually('it waits', () => consumer.health().state === 'reconnecting')
      const says = new RegExp(
        `are of version 1, this release needs ${MIGRATIONS.length}: run npx oncommit migrate`,
      )
      assert.match(shop.logger.at('error').join(), says)
      assert.deepEqual(
        (await harness.store.migrate()).map(({ version }) => version),
        MIGRATIONS.slice(1).map(({ version }) => version),
      )
      await shop.done(consumer)
      const { handled, dead } = await consumer.stop()
      assert.deepEqual([handled, dead, attempts, await harness.sum()], [3, 0, [1, 1, 1], 3])
    })
  })
}

describe('what an inbox knows an event by', () => {
  it('is source and id for events of others, and their place where they have neither', async () => {
    await using harness = await SqliteInboxHarness.open()
    await using shop = await Shop.open(harness)
    await shop.sendForeign([
      { ce_id: '7', ce_source: '/a' },
      { ce_id: '7', ce_source: '/b' },
      { ce_id: '7', ce_source: '/a' },
      {},
      {},
      { ce_id: '7' },
      { ce_id: '7' },
    ])
    const offsets: number[] = []
    const consumer = shop.consume((event) => offsets.push(Number(event.offset)))
    await shop.done(consumer)
    const { handled, duplicates } = await consumer.stop()
    assert.deepEqual([offsets, handled, duplicates], [[0, 1, 3, 4, 5, 6], 7, 1])
    // Also of those without a name, when the same records are read again.
    const again = shop.consume((event) => assert.fail(`${event.offset} again`), {
      from: 'earliest',
      seek: true,
      replay: 'missing',
    })
    await shop.done(again)
    assert.equal((await again.stop()).duplicates, 7)
  })

  const keys: Readonly<Record<string, () => string>> = {
    'is no UUID': () => '7',
    'is not there': () => undefined as unknown as string,
    'can not be made': () => {
      throw new Error('no name')
    },
  }
  for (const [what, key] of Object.entries(keys)) {
    it(`is the failure of the event where its inboxKey ${what}, and the others go on`, async () => {
      await using harness = await SqliteInboxHarness.open()
      await using shop = await Shop.open(harness)
      await shop.send(numbers(4))
      const inboxKey: ConsumeOptions['inboxKey'] = (event) =>
        event.text() === '1' ? key() : (event.uuid ?? '')
      const got: string[] = []
      const options = { inboxKey, retry: { attempts: 1 }, deadLetter: {} }
      const consumer = shop.consume((event) => got.push(event.text()), options)
      await shop.done(consumer)
      const { handled, dead } = await consumer.stop()
      assert.deepEqual([got, handled, dead], [['0', '2', '3'], 3, 1])
      const says =
        /dead letter: (option consume\.inboxKey: got .*a function that gives a UUID|no name)/
      assert.match(shop.logger.at('error').join(), says)
    })
  }
})

/** A bus with the store of a harness, and a topic of one partition. */
class Shop implements AsyncDisposable {
  readonly logger = new MemoryLogger()
  readonly bus: EventBus
  readonly #broker: Broker
  readonly #sender: Sender
  readonly #topic = freshTopic()

  private constructor({ store }: Harness, broker: Broker, sender: Sender) {
    this.bus = new EventBus({ broker, store, logger: this.logger })
    this.#broker = broker
    this.#sender = sender
  }

  static async open(harness: Harness): Promise<Shop> {
    const broker = local({ partitions: 1 })
    return new Shop(harness, broker, await Sender.open(broker))
  }

  async send(texts: readonly string[]): Promise<void> {
    await this.#sender.send(this.#topic, texts)
  }

  /** Records of another system, with these headers. */
  async sendForeign(records: readonly Readonly<Record<string, string>>[]): Promise<void> {
    const signal = new AbortController().signal
    const producer = await this.#broker.openProducer({
      clientId: 'other',
      signal,
      onAway: () => {},
    })
    for (const record of records) {
      const headers = Object.entries(record).map(([n, v]) => [n, Buffer.from(v)] as const)
      await producer.send({ topic: this.#topic, key: null, value: Buffer.from('x'), headers })
    }
    await producer.close()
  }

  consume(handler: Handler, options: Partial<ConsumeOptions> = {}): Consumer {
    const all = { group: this.#topic, inbox: true, retry: { backoff: { first: 1 } }, ...options }
    return this.bus.consume(this.#topic, all as ConsumeOptions, handler)
  }

  done(consumer: Consumer): Promise<void> {
    return eventually('all are done', () => consumer.lag()[0]?.lag === 0n)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sender[Symbol.asyncDispose]()
    await this.bus.close()
  }
}

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { local } from '../../src/brokers/local/index.ts'
import { cloudEvents } from '../../src/codecs/cloudevents/index.ts'
import { Consumer } from '../../src/consumer/consume/consumer.ts'
import { consumeSettings } from '../../src/consumer/consume/options.ts'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import type { Inbox } from '../../src/core/inbox.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'
import { PostgresInboxHarness } from './postgres/inbox-harness.ts'
import { until } from './postgres/session-fixture.ts'
import { SqliteInboxHarness } from './sqlite/inbox-harness.ts'
import { freshTopic } from './stream/places.ts'
import { eventually, MemoryLogger } from './stream/reading.ts'

const DAY_MS = 24 * 3_600_000

let database: TestDatabase

before(async () => {
  database = await createDatabase(await sharedPostgres(), 'consume_inbox_cleaning')
})
after(async () => database.drop())

/** Minutes pass when they are told to. */
class Minutes implements Clock {
  #minute = Promise.withResolvers<void>()

  now(): number {
    return systemClock.now()
  }

  monotonic(): number {
    return systemClock.monotonic()
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms < 30_000 || signal === undefined) return systemClock.sleep(ms, signal)
    const over = new AbortController()
    void this.#minute.promise.then(() => over.abort())
    return systemClock.sleep(ms, AbortSignal.any([signal, over.signal]))
  }

  pass(): void {
    this.#minute.resolve()
    this.#minute = Promise.withResolvers()
  }
}

function consumerOf({ inbox = null }: { inbox?: Inbox | null }): {
  consumer: Consumer
  clock: Minutes
  logger: MemoryLogger
} {
  const [clock, logger] = [new Minutes(), new MemoryLogger()]
  const parts = { broker: local(), codecFor: () => cloudEvents(), inbox }
  const consumer = new Consumer(
    { ...parts, clock, logger, handler: () => {}, onEnd: () => {} },
    consumeSettings(freshTopic(), { group: 'g', inbox: true }),
  )
  return { consumer, clock, logger }
}

const stores: Readonly<Record<string, () => Promise<PostgresInboxHarness | SqliteInboxHarness>>> = {
  PostgreSQL: () => PostgresInboxHarness.open(database, 'pg'),
  SQLite: () => SqliteInboxHarness.open(),
}

for (const [name, open] of Object.entries(stores)) {
  describe(`consumers with an inbox in ${name}`, () => {
    it('clean it: what is older than the retention goes, what is younger stays', async () => {
      await using harness = await open()
      await harness.fill(1_500, 8 * DAY_MS)
      await harness.fill(10, 6 * DAY_MS)
      const both = [consumerOf(harness.store), consumerOf(harness.other)]
      for (const { clock } of both) clock.pass()
      await until(async () => (await harness.countNoted()) === 10)
      for (const { consumer, clock, logger } of both) {
        clock.pass()
        await consumer.stop()
        assert.deepEqual(logger.at('error'), [])
      }
      assert.equal(await harness.countNoted(), 10)
    })

    it('keep as long as the store says', async () => {
      await using harness = await open()
      await harness.fill(5, 8 * DAY_MS)
      await harness.fill(5, DAY_MS)
      const keeping = [Infinity, 2 * 24 * 3600].map((inboxRetentionSeconds) =>
        harness instanceof SqliteInboxHarness
          ? harness.storeOf({ inboxRetentionSeconds })
          : harness.storeOf(harness.schema, { inboxRetentionSeconds }),
      )
      assert.equal(await keeping[0]?.inbox?.clean(), 0)
      assert.equal(await keeping[1]?.inbox?.clean(), 5)
      assert.equal(await harness.countNoted(), 5)
    })
  })
}

describe('cleaning an inbox on PostgreSQL', () => {
  it('is left to another that cleans at the time', async () => {
    await using harness = await PostgresInboxHarness.open(database, 'pg')
    await harness.fill(10, 8 * DAY_MS)
    const other = await harness.pool.connect()
    await other.query(`BEGIN; SELECT pg_advisory_xact_lock(28516, hashtext('"${harness.schema}"'))`)
    assert.equal(await harness.store.inbox?.clean(), 0)
    assert.equal(await harness.countNoted(), 10)
    await other.query('COMMIT')
    other.release()
    assert.equal(await harness.store.inbox?.clean(), 10)
  })

  it('leaves rows that somebody has locked for the next time', async () => {
    await using harness = await PostgresInboxHarness.open(database, 'pg')
    await harness.fill(1_200, 8 * DAY_MS)
    const other = await harness.pool.connect()
    await other.query(`BEGIN; SELECT FROM ${harness.schema}.inbox LIMIT 7 FOR UPDATE`)
    assert.equal(await harness.store.inbox?.clean(), 1_193)
    await other.query('COMMIT')
    other.release()
    assert.equal(await harness.store.inbox?.clean(), 7)
  })

  it('waits a second for a locked table, and says so once', async () => {
    await using harness = await PostgresInboxHarness.open(database, 'pg')
    await harness.fill(10, 8 * DAY_MS)
    const other = await harness.pool.connect()
    await other.query(`BEGIN; LOCK TABLE ${harness.schema}.inbox`)
    const { consumer, clock, logger } = consumerOf(harness.store)
    clock.pass()
    await eventually('it says so', () => logger.at('error').length > 0)
    assert.match(logger.at('error').join(), /can not clean its inbox: .*lock timeout/)
    clock.pass()
    await harness.untilWaiting()
    await other.query('COMMIT')
    other.release()
    await until(async () => (await harness.countNoted()) === 0)
    await eventually('it is over', () => logger.at('info').some((line) => line.includes('again')))
    assert.equal(logger.at('error').length, 1)
    await consumer.stop()
  })

  it('holds up no stop, although it never ends', async () => {
    const begun = Promise.withResolvers<void>()
    const clean = async (): Promise<number> => {
      begun.resolve()
      return new Promise(() => {})
    }
    const { consumer, clock } = consumerOf({ inbox: { clean, once: () => assert.fail() } })
    clock.pass()
    await begun.promise
    await consumer.stop()
  })
})

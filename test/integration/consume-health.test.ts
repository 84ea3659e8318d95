import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import { caughtUp, Consuming, handled, quick, state } from './consume/consuming.ts'
import { places } from './stream/places.ts'
import { Gate, MemoryLogger, numbers } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

for (const [name, openPlace] of Object.entries(places)) {
  describe(`health and lag of a consumer on ${name}`, () => {
    let at: Consuming
    before(async () => {
      at = await Consuming.open(openPlace)
    })
    after(() => at[Symbol.asyncDispose]())

    test("health is 'starting', 'running', 'paused', 'running', 'stopped', and says since when", async () => {
      const topic = await at.newTopic()
      const begun = Date.now()
      const consumer = at.consume(topic, () => {})
      const states: string[] = []
      const note = (): void => {
        const { state: now, since, event } = consumer.health()
        states.push(now)
        assert.equal(event, null)
        assert.ok(since.getTime() >= begun - 1 && since.getTime() <= Date.now() + 1)
      }
      note()
      await state(consumer, 'running')
      note()
      consumer.pause()
      note()
      const { since } = consumer.health()
      consumer.pause()
      assert.deepEqual(consumer.health().since, since)
      consumer.resume()
      note()
      await consumer.stop()
      note()
      assert.deepEqual(states, ['starting', 'running', 'paused', 'running', 'stopped'])
    })

    test("health is 'rebalancing' while the group waits for what is in hand", async () => {
      const topic = await at.newTopic(numbers(1), { partitions: 2 })
      const gate = new Gate()
      const first = at.consume(topic, () => gate.pass())
      await gate.reached
      assert.equal(first.health().state, 'running')
      const second = at.consume(topic, () => {})
      await state(first, 'rebalancing')
      assert.equal(second.health().state, 'starting')
      gate.open()
      await Promise.all([state(first, 'running'), state(second, 'running')])
      await Promise.all([first.stop(), second.stop()])
    })

    test("health is 'blocked' by the event that fails, 'stuck' by the one that does not end, and names it", async () => {
      const topic = await at.newTopic(numbers(3))
      const gate = new Gate()
      let isHealed = false
      const consumer = at.consume(
        topic,
        async (event) => {
          if (event.text() === '1' && !isHealed) throw new Error('no such order')
          if (event.text() === '2') await gate.pass()
        },
        { timeout: 30, retry: { attempts: 1, ...quick } },
      )
      await gate.reached
      await state(consumer, 'stuck')
      const stuck = consumer.health().event
      assert.deepEqual([stuck?.topic, stuck?.offset, stuck?.reason], [topic, 2n, null])
      gate.open()
      await state(consumer, 'blocked')
      const blocked = consumer.health().event
      assert.deepEqual([blocked?.offset, blocked?.reason], [1n, 'no such order'])
      assert.ok((blocked?.attempts ?? 0) > 0)
      isHealed = true
      await caughtUp(consumer)
      assert.deepEqual(consumer.health().event, null)
      await consumer.stop()
    })

    test('lag says how far each partition is, and since when its first event that is not handled lies there', async () => {
      const topic = await at.newTopic()
      const begun = Date.now()
      await at.sender.send(topic, numbers(5))
      const gate = new Gate()
      const got: string[] = []
      const consumer = at.consume(topic, async (event) => {
        if (event.text() === '2') await gate.pass()
        got.push(event.text())
      })
      await gate.reached
      const [held] = consumer.lag()
      assert.deepEqual([held?.topic, held?.partition, held?.mark], [topic, 0, 2n])
      // Kafka counts the end of the transaction.
      assert.ok((held?.lag ?? 0n) >= 3n && (held?.lag ?? 0n) <= 4n)
      const oldest = held?.oldest?.getTime() ?? 0
      assert.ok(oldest >= begun - 1_000 && oldest <= Date.now() + 1_000, String(held?.oldest))
      gate.open()
      await handled(got, 5)
      await caughtUp(consumer)
      assert.equal(consumer.lag()[0]?.oldest, null)
      await consumer.stop()
    })

    test('a second stop is the first, and so is closing it in any other way', async () => {
      const topic = await at.newTopic(numbers(5))
      const got: string[] = []
      const consumer = at.consume(topic, (event) => got.push(event.text()))
      await handled(got, 5)
      const stopped = consumer.stop()
      assert.equal(consumer.stop({ timeout: 0 }), stopped)
      await consumer[Symbol.asyncDispose]()
      const result = await stopped
      assert.equal(await consumer.closed, result)
      assert.equal(await consumer.stop(), result)
      assert.deepEqual(result, { handled: 5, abandoned: 0, dead: 0, skipped: 0, duplicates: 0 })
    })

    test('a consumer that is stopped at once gives nothing and leaves no member behind', async () => {
      const topic = await at.newTopic(numbers(3))
      const got: string[] = []
      const result = await at.consume(topic, (event) => got.push(event.text())).stop()
      assert.deepEqual([result.handled, result.abandoned, got], [0, 0, []])
      assert.deepEqual(await at.next(topic, 3), numbers(3))
    })
  })
}

test("health is 'reconnecting' while the broker is away, and the consumer goes on behind it", async () => {
  const broker = local({ partitions: 1 })
  const logger = new MemoryLogger()
  await using bus = new EventBus({ broker, logger })
  await using sender = await Sender.open(broker)
  await sender.send('t', numbers(3))
  const got: string[] = []
  const consumer = bus.consume('t', { group: 'g', commitInterval: 5 }, (event) => {
    got.push(event.text())
  })
  await caughtUp(consumer)
  broker.away()
  await state(consumer, 'reconnecting')
  consumer.pause()
  assert.equal(consumer.health().state, 'reconnecting')
  broker.away(false)
  await state(consumer, 'paused')
  await sender.send('t', numbers(3, 3))
  consumer.resume()
  await handled(got, 6)
  await consumer.stop()
  assert.deepEqual(got, numbers(6))
  assert.deepEqual([logger.at('error').length, logger.at('info').length], [1, 1])
})

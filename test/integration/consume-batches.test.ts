import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { BatchError, Reject } from '../../src/core/errors.ts'
import { caughtUp, Consuming, handled, quick } from './consume/consuming.ts'
import { places } from './stream/places.ts'
import { eventually, Gate, numbers } from './stream/reading.ts'

for (const [name, openPlace] of Object.entries(places)) {
  describe(`batches on ${name}`, () => {
    let at: Consuming
    before(async () => {
      at = await Consuming.open(openPlace)
    })
    after(() => at[Symbol.asyncDispose]())

    test('each is of one partition, in its order, and no larger than maxEvents', async () => {
      const topic = await at.newTopic(numbers(200), { partitions: 3 })
      const calls: { partition: number; offset: bigint }[][] = []
      const consumer = at.consumeBatches(
        topic,
        (events) => void calls.push(events.map(({ partition, offset }) => ({ partition, offset }))),
        { maxEvents: 7, maxWait: 5 },
      )
      await caughtUp(consumer)
      const result = await consumer.stop()
      assert.equal(result.handled, 200)
      assert.ok(calls.every((events) => events.length > 0 && events.length <= 7))
      assert.ok(calls.some((events) => events.length === 7))
      const next = new Map<number, bigint>()
      for (const { partition, offset } of calls.flat()) {
        assert.ok(offset >= (next.get(partition) ?? 0n))
        next.set(partition, offset + 1n)
      }
      for (const events of calls) assert.equal(new Set(events.map((one) => one.partition)).size, 1)
    })

    test('one that is not full waits for more, for maxWait at most, and a full one does not wait', async () => {
      const topic = await at.newTopic([], { partitions: 1 })
      const calls: string[][] = []
      const options = { maxEvents: 5, maxWait: 600_000 }
      const patient = at.consumeBatches(
        topic,
        (events) => void calls.push(events.map((event) => event.text())),
        options,
      )
      await at.sender.send(topic, numbers(3))
      await eventually('they are there', () => (patient.lag()[0]?.oldest ?? null) !== null)
      assert.equal(calls.length, 0)
      await at.sender.send(topic, numbers(4, 3))
      await handled(calls, 1)
      assert.deepEqual(calls, [numbers(5)])
      await patient.stop()
      const begin = performance.now()
      const quickly = at.consumeBatches(
        topic,
        (events) => void calls.push(events.map((event) => event.text())),
        { ...options, maxWait: 40 },
      )
      await handled(calls, 2)
      assert.ok(performance.now() - begin >= 39)
      assert.deepEqual(calls[1], ['5', '6'])
      await quickly.stop()
    })

    test('BatchError: those before its index are handled, whatever comes of the others', async () => {
      const topic = await at.newTopic(numbers(10))
      await at.place.createTopic(`${topic}.${topic}.dead`, 1)
      const calls: string[][] = []
      const consumer = at.consumeBatches(
        topic,
        (events) => {
          const texts = events.map((event) => event.text())
          calls.push(texts)
          const index = texts.indexOf('4')
          if (index >= 0) throw new BatchError(index, { cause: new Reject('never') })
        },
        { maxEvents: 10, deadLetter: {} },
      )
      await caughtUp(consumer)
      const { dead, handled: count } = await consumer.stop()
      assert.deepEqual([dead, count], [1, 9])
      assert.deepEqual(calls, [numbers(10), numbers(5, 5)])
    })

    test('BatchError of an index that the batch has not is a failure of no event: each is tried by itself', async () => {
      for (const index of [3, 1_000]) {
        const topic = await at.newTopic(numbers(3))
        const calls: string[][] = []
        const consumer = at.consumeBatches(
          topic,
          (events) => {
            calls.push(events.map((event) => event.text()))
            if (calls.length === 1) throw new BatchError(index)
          },
          { maxEvents: 3 },
        )
        await caughtUp(consumer)
        assert.equal((await consumer.stop()).handled, 3)
        assert.deepEqual(calls, [numbers(3), ['0'], ['1'], ['2']])
      }
    })

    test('a batch that fails holds back its own partition alone', async () => {
      const topic = await at.newTopic(numbers(60), { partitions: 3 })
      const got: number[] = []
      let isHealed = false
      const consumer = at.consumeBatches(
        topic,
        (events) => {
          const [{ partition } = { partition: -1 }] = events
          if (partition === 0 && !isHealed) throw new Error('not now')
          for (let n = 0; n < events.length; n++) got.push(partition)
        },
        { maxEvents: 10, maxWait: 5, retry: { attempts: 1, ...quick } },
      )
      await eventually('it is blocked', () => consumer.health().state === 'blocked')
      await eventually('the others are done', () =>
        consumer.lag().every(({ partition, lag }) => (lag === 0n) === (partition !== 0)),
      )
      assert.ok(!got.includes(0))
      isHealed = true
      await handled(got, 60)
      await consumer.stop()
    })

    test('a stop lets the batch in hand finish, and does not wait for one to fill', async () => {
      const topic = await at.newTopic(numbers(7))
      const gate = new Gate()
      const consumer = at.consumeBatches(topic, () => gate.pass(), {
        maxEvents: 5,
        maxWait: 600_000,
      })
      await gate.reached
      const stopped = consumer.stop()
      gate.open()
      const { handled: count, abandoned } = await stopped
      assert.deepEqual([count, abandoned], [5, 0])
      assert.deepEqual(await at.next(topic, 2), ['5', '6'])
    })
  })
}

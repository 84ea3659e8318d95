import assert from 'node:assert/strict'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { Consumer } from '../../src/consumer/consume/consumer.ts'
import type { Handler } from '../../src/consumer/consume/handling.ts'
import type { ConsumeOptions } from '../../src/consumer/consume/options.ts'
import { freshTopic, type Place, places } from './stream/places.ts'
import { eventually, Gate, MemoryLogger, numbers, take } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

const handled = (got: readonly unknown[], count: number): Promise<void> =>
  eventually(`${count} are handled`, () => got.length >= count)

const keyOf = (text: string): string => `k${Number(text) % 50}`

for (const [name, openPlace] of Object.entries(places)) {
  describe(`a consumer on ${name}`, () => {
    let place: Place
    let sender: Sender
    const logger = new MemoryLogger()
    before(async () => {
      place = await openPlace()
      sender = await Sender.open(place.broker)
    })
    after(async () => {
      for (const consumer of open) await consumer.stop({ timeout: 0 })
      await sender[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    })
    const bus = (): EventBus => new EventBus({ broker: place.broker, logger })
    const open = new Set<Consumer>()
    const consume = (
      topic: string,
      handler: Handler,
      options: Partial<ConsumeOptions> = {},
    ): Consumer => {
      const consumer = bus().consume(topic, { group: topic, ...options }, handler)
      open.add(consumer)
      return consumer
    }
    const newTopic = async (
      texts: readonly string[],
      key: (text: string) => string | null = keyOf,
      partitions = 1,
    ): Promise<string> => {
      const topic = freshTopic()
      await place.createTopic(topic, partitions)
      if (texts.length > 0) await sender.send(topic, texts, key)
      return topic
    }

    test('one at a time per key in offset order, 64 side by side, with random delays and throws', async () => {
      const topic = await newTopic(numbers(2_000), keyOf, 4)
      const got: string[] = []
      const running = new Set<string>()
      let [most, beside] = [0, 0]
      const consumer = consume(
        topic,
        async (event) => {
          const key = event.key ?? ''
          // Thrown here it would be one more failure that is tried again.
          if (running.has(key)) beside += 1
          running.add(key)
          most = Math.max(most, running.size)
          if (Math.random() < 0.5) await sleep(Math.random() * 3)
          running.delete(key)
          if (Math.random() < 0.1) throw new Error('now and then')
          got.push(event.text())
        },
        { concurrency: 64, retry: { attempts: 100, backoff: { first: 1, max: 2 } } },
      )
      await handled(got, 2_000)
      assert.deepEqual([(await consumer.stop()).handled, beside], [2_000, 0])
      assert.ok(most > 16, `${most} side by side`)
      for (const [key, texts] of Map.groupBy(got, keyOf)) {
        const sent = numbers(2_000).filter((text) => keyOf(text) === key)
        assert.deepEqual(texts, sent)
      }
    })

    test("order 'partition' is one at a time in each partition", async () => {
      const topic = await newTopic(numbers(100), keyOf, 2)
      const got: { partition: number; offset: bigint }[] = []
      const running = new Set<number>()
      let beside = 0
      const consumer = consume(
        topic,
        async ({ partition, offset }) => {
          if (running.has(partition)) beside += 1
          running.add(partition)
          await turn()
          running.delete(partition)
          got.push({ partition, offset })
        },
        { order: 'partition' },
      )
      await handled(got, 100)
      await consumer.stop()
      assert.equal(beside, 0)
      for (const [, all] of Map.groupBy(got, ({ partition }) => partition))
        assert.deepEqual(
          all,
          all.toSorted((a, b) => Number(a.offset - b.offset)),
        )
    })

    test("order 'none' and events without a key run side by side", async () => {
      for (const order of ['none', 'key'] as const) {
        const topic = await newTopic(numbers(8), () => (order === 'none' ? 'k' : null))
        const gates = numbers(8).map(() => new Gate())
        const consumer = consume(topic, (event) => gates[Number(event.text())]?.pass(), {
          order,
          concurrency: 8,
        })
        for (const gate of gates) await gate.reached
        for (const gate of gates) gate.open()
        assert.deepEqual((await consumer.stop()).handled, 8)
      }
    })

    test('a stop under load finishes what is in hand, commits it, and repeats nothing', async () => {
      const topic = await newTopic(numbers(1_000), keyOf, 4)
      const got: string[] = []
      for (let round = 0; got.length < 1_000; round++) {
        const aim = Math.min(1_000, got.length + 1 + round * 40)
        const consumer = consume(topic, async (event) => {
          await sleep(Math.random() * 3)
          got.push(event.text())
        })
        await handled(got, aim)
        const { abandoned } = await consumer.stop()
        assert.equal(abandoned, 0)
        assert.equal(consumer.health().state, 'stopped')
      }
      assert.deepEqual(got.length, 1_000)
      assert.deepEqual(new Set(got), new Set(numbers(1_000)))
    })

    test('with a hung handler stop returns at its timeout, and exactly that event comes again', async () => {
      const topic = await newTopic(numbers(20), (text) => text)
      const gate = new Gate()
      const got: string[] = []
      let signal: AbortSignal | undefined
      const consumer = consume(topic, async (event, context) => {
        if (event.text() === '19') {
          signal = context.signal
          await gate.pass()
        }
        got.push(event.text())
      })
      await handled(got, 19)
      await gate.reached
      assert.equal(signal?.aborted, false)
      const stopped = consumer.stop({ timeout: 50 })
      assert.equal(consumer.stop(), stopped)
      const { handled: count, abandoned } = await stopped
      assert.deepEqual([count, abandoned, signal?.aborted], [19, 1, true])
      gate.open()
      assert.deepEqual(await take(bus().stream(topic, { group: topic }), 1), ['19'])
    })

    test('a rebalance waits for what is in hand: two members handle each event once', async () => {
      const topic = await newTopic(numbers(600), keyOf, 4)
      const got: string[] = []
      const ofSecond: string[] = []
      const handler: Handler = async (event) => {
        await sleep(Math.random() * 20)
        got.push(event.text())
      }
      const first = consume(topic, handler, { concurrency: 1 })
      await handled(got, 50)
      const second = consume(topic, async (event, context) => {
        await handler(event, context)
        ofSecond.push(event.text())
      })
      await handled(ofSecond, 50)
      await first.stop()
      await handled(got, 600)
      await second.stop()
      assert.equal(got.length, 600)
      assert.deepEqual(new Set(got), new Set(numbers(600)))
      for (const [key, texts] of Map.groupBy(got, keyOf))
        assert.deepEqual(
          texts,
          numbers(600).filter((text) => keyOf(text) === key),
        )
    })

    test('the window bounds what is fetched behind an event that is not handled', async () => {
      const topic = await newTopic(numbers(2_000), (text) => text)
      const gate = new Gate()
      const got: string[] = []
      const consumer = consume(
        topic,
        async (event) => {
          if (event.text() === '0') await gate.pass()
          got.push(event.text())
        },
        { window: 100, concurrency: 4 },
      )
      await handled(got, 99)
      // All of them fit into one fetch, and each has a key of its own.
      for (let n = 0; n < 20; n++) await turn()
      assert.deepEqual([got.length, consumer.lag()[0]?.mark], [99, 0n])
      gate.open()
      await handled(got, 2_000)
      await eventually('the lag is 0', () => consumer.lag()[0]?.lag === 0n)
      assert.equal(consumer.lag()[0]?.oldest, null)
      await consumer.stop()
    })

    test('pause hands nothing out, resume goes on', async () => {
      const topic = await newTopic(numbers(10))
      const got: string[] = []
      const consumer = consume(
        topic,
        (event) => {
          if (got.push(event.text()) === 5) consumer.pause()
        },
        { order: 'partition' },
      )
      await handled(got, 5)
      assert.equal(consumer.health().state, 'paused')
      await turn()
      assert.equal(got.length, 5)
      consumer.resume()
      await handled(got, 10)
      assert.equal(consumer.health().state, 'running')
      await consumer.stop()
    })

    test('unsubscribe, listSubscribers, close and a signal see consumers', async () => {
      const topic = await newTopic(numbers(3))
      const own = bus()
      const begin = (options: Partial<ConsumeOptions> = {}): Consumer =>
        own.consume(topic, { group: topic, ...options }, () => {})
      const first = begin()
      assert.deepEqual(own.listSubscribers(topic), [topic])
      await own.unsubscribe(topic, topic)
      await first.closed
      assert.deepEqual(own.listSubscribers(topic), [])
      const abort = new AbortController()
      const second = begin({ signal: abort.signal })
      abort.abort()
      await second.closed
      await begin({ signal: abort.signal }).closed
    })
  })
}

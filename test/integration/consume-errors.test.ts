import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { Consumer } from '../../src/consumer/consume/consumer.ts'
import type { Handler } from '../../src/consumer/consume/handling.ts'
import type { ConsumeOptions } from '../../src/consumer/consume/options.ts'
import type { ReceivedEvent } from '../../src/consumer/received-event.ts'
import { BatchError, BrokenRecordError, Reject, RetryAfter } from '../../src/core/errors.ts'
import { cloudEvents } from '../../src/codecs/cloudevents/index.ts'
import type { Codec } from '../../src/core/codec.ts'
import { freshTopic, type Place, places } from './stream/places.ts'
import { eventually, Gate, MemoryLogger, numbers, take } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

const quick = { backoff: { first: 1, max: 2 } }
const handled = (got: readonly unknown[], count: number): Promise<void> =>
  eventually(`${count} are handled`, () => got.length >= count)

for (const [name, openPlace] of Object.entries(places)) {
  describe(`a handler that fails, on ${name}`, () => {
    let place: Place
    let sender: Sender
    const consumers = new Set<Consumer>()
    before(async () => {
      place = await openPlace()
      sender = await Sender.open(place.broker)
    })
    after(async () => {
      for (const consumer of consumers) await consumer.stop({ timeout: 0 })
      await sender[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    })
    const bus = (logger: MemoryLogger, codec?: Codec): EventBus =>
      new EventBus({ broker: place.broker, logger, ...(codec === undefined ? {} : { codec }) })
    const consume = (
      topic: string,
      handler: Handler,
      options: Partial<ConsumeOptions> & { logger?: MemoryLogger; codec?: Codec } = {},
    ): Consumer => {
      const { logger = new MemoryLogger(), codec, ...rest } = options
      const all = { group: topic, retry: quick, ...rest }
      const consumer = bus(logger, codec).consume(topic, all, handler)
      consumers.add(consumer)
      return consumer
    }
    const rest = (topic: string, count: number): Promise<string[]> =>
      take(bus(new MemoryLogger()).stream(topic, { group: topic }), count)
    const newTopic = async (
      texts: readonly string[],
      key: (text: string) => string | null = (text) => text,
    ): Promise<string> => {
      const topic = freshTopic()
      await place.createTopic(topic, 1)
      if (texts.length > 0) await sender.send(topic, texts, key)
      return topic
    }
    const withDeadTopic = async (texts: readonly string[]): Promise<string> => {
      const topic = await newTopic(texts)
      await place.createTopic(`${topic}.${topic}.dead`, 1)
      return topic
    }

    test('without deadLetter an event is tried for ever, and health names it', async () => {
      const topic = await newTopic(numbers(20), (text) => `k${Number(text) % 10}`)
      const logger = new MemoryLogger()
      const got: string[] = []
      let failures = 0
      let isHealed = false
      const consumer = consume(
        topic,
        (event) => {
          if (event.text() === '3' && !isHealed) {
            failures += 1
            throw new Error('no such order')
          }
          got.push(event.text())
        },
        { logger },
      )
      await eventually('it was tried often', () => failures > 20)
      await handled(got, 18)
      const { state, event } = consumer.health()
      assert.equal(state, 'blocked')
      assert.deepEqual(
        [event?.topic, event?.partition, event?.offset, event?.key, event?.reason],
        [topic, 0, 3n, 'k3', 'no such order'],
      )
      assert.equal(logger.at('error').length, 1)
      assert.deepEqual([consumer.lag()[0]?.mark, got.includes('13')], [3n, false])
      isHealed = true
      await handled(got, 20)
      assert.equal(consumer.health().state, 'running')
      await consumer.stop()
    })

    test('a stop does not wait for an event that is blocked: it comes again', async () => {
      const topic = await newTopic(numbers(3))
      const consumer = consume(topic, (event) => {
        if (event.text() === '1') throw new Error('no')
      })
      await eventually('it is blocked', () => consumer.health().state === 'blocked')
      assert.equal((await consumer.stop()).abandoned, 0)
      assert.deepEqual(await rest(topic, 2), ['1', '2'])
    })

    test('RetryAfter says when the next attempt comes', async () => {
      const topic = await newTopic(['0'])
      const at: number[] = []
      const consumer = consume(topic, () => {
        if (at.push(performance.now()) === 1) throw new RetryAfter(80)
      })
      await handled(at, 2)
      assert.ok((at[1] ?? 0) - (at[0] ?? 0) >= 79)
      await consumer.stop()
    })

    test('a stuck handler shows in health, its signal aborts, and other keys go on', async () => {
      const topic = await newTopic(numbers(10))
      const gate = new Gate()
      const got: string[] = []
      let signal: AbortSignal | undefined
      let calls = 0
      const consumer = consume(
        topic,
        async (event, context) => {
          if (event.text() === '2') {
            calls += 1
            signal = context.signal
            await gate.pass()
          }
          got.push(event.text())
        },
        { timeout: 30 },
      )
      await eventually('it is stuck', () => consumer.health().state === 'stuck')
      await handled(got, 9)
      const { event } = consumer.health()
      assert.deepEqual(
        [event?.topic, event?.partition, event?.offset, event?.key, signal?.aborted, calls],
        [topic, 0, 2n, '2', true, 1],
      )
      assert.ok((event?.ageMs ?? 0) >= 29)
      gate.open()
      await handled(got, 10)
      await eventually('it runs', () => consumer.health().state === 'running')
      await consumer.stop()
      assert.equal(calls, 1)
    })

    test('a dead letter has value, key and headers byte for byte, and says where it came from', async () => {
      const topic = await withDeadTopic([])
      const headers = [
        ['a', Buffer.from('1')],
        ['a', Buffer.from([0xff, 0])],
      ] as const
      await sender.sendEvents(topic, [
        { key: 'k', headers, payload: null },
        { key: 'k', payload: Buffer.from([0, 255]) },
      ])
      const events: ReceivedEvent[] = []
      const consumer = consume(
        topic,
        (event) => {
          events.push(event)
          throw events.length > 5 ? new Reject('never') : new TypeError('bad order')
        },
        { deadLetter: {} },
      )
      await eventually('both are dead', () => consumer.lag()[0]?.lag === 0n)
      const result = await consumer.stop()
      // Five attempts, and one for the event that was rejected.
      assert.deepEqual([events.length, result.handled, result.dead], [6, 0, 2])
      const dead: ReceivedEvent[] = []
      const letters = bus(new MemoryLogger()).stream(`${topic}.${topic}.dead`, { group: topic })
      for await (const event of letters) if (dead.push(event) === 2) break
      assert.deepEqual(
        dead.map(({ key, payload, uuid }) => [key, payload, uuid]),
        [events[0], events[5]].map((event) => [event?.key, event?.payload, event?.uuid]),
      )
      assert.deepEqual(dead[0]?.headers.slice(0, 2), headers)
      const about = (at: number): (string | undefined)[] =>
        ['topic', 'partition', 'offset', 'timestamp', 'group', 'attempts', 'reason', 'error'].map(
          (what) => dead[at]?.header(`oncommit-dead-${what}`),
        )
      const time = (at: number): string => String(events[at]?.publishedAt.getTime())
      assert.deepEqual(about(0), [topic, '0', '0', time(0), topic, '5', 'bad order', 'TypeError'])
      assert.deepEqual(about(1), [topic, '0', '1', time(5), topic, '1', 'never', 'Reject'])
      const [first, last] = ['first', 'last'].map((which) =>
        Number(dead[0]?.header(`oncommit-dead-${which}-failed`)),
      )
      assert.ok((first ?? 0) <= (last ?? 0) && (first ?? 0) > 1_700_000_000_000)
    })

    for (const afterDead of ['continue', 'follow'] as const) {
      test(`afterDead '${afterDead}': what becomes of later events of the key`, async () => {
        const topic = await newTopic(numbers(6), (text) => (Number(text) % 2 === 0 ? 'a' : 'b'))
        const dead = `${topic}-dead`
        await place.createTopic(dead, 1)
        const got: string[] = []
        const consumer = consume(
          topic,
          (event) => {
            if (event.text() === '0') throw new Reject('no')
            got.push(event.text())
          },
          { deadLetter: { topic: dead }, afterDead },
        )
        await eventually('all are done', () => consumer.lag()[0]?.lag === 0n)
        await consumer.stop()
        const follows = afterDead === 'follow'
        assert.deepEqual(got.toSorted(), follows ? ['1', '3', '5'] : ['1', '2', '3', '4', '5'])
        const letters = bus(new MemoryLogger()).stream(dead, { group: topic })
        assert.deepEqual(await take(letters, follows ? 3 : 1), follows ? ['0', '2', '4'] : ['0'])
      })
    }

    test('where a dead letter can not be written the event is not handled, and health names it', async () => {
      const topic = await newTopic(numbers(2))
      const consumer = consume(
        topic,
        (event) => {
          if (event.text() === '0') throw new Reject('no')
        },
        { deadLetter: {} },
      )
      await eventually('it is blocked', () => consumer.health().state === 'blocked')
      assert.equal(consumer.health().event?.offset, 0n)
      await place.createTopic(`${topic}.${topic}.dead`, 1)
      await eventually('it is dead', () => consumer.lag()[0]?.lag === 0n)
      assert.equal((await consumer.stop()).dead, 1)
    })

    test('one poison key among many: the others keep their speed', async () => {
      const count = 2_000
      const time = async (isPoisoned: boolean): Promise<number> => {
        const topic = await newTopic(numbers(count), (text) => `k${Number(text) % 1_000}`)
        const got: string[] = []
        const begin = performance.now()
        const consumer = consume(topic, async (event) => {
          await Promise.resolve()
          if (isPoisoned && event.key === 'k7') throw new Error('poison')
          got.push(event.text())
        })
        await handled(got, isPoisoned ? count - 2 : count)
        const ms = performance.now() - begin
        await consumer.stop()
        return ms
      }
      await time(false)
      const [without, withPoison] = [await time(false), await time(true)]
      assert.ok(withPoison < 3 * without + 100, `${withPoison} against ${without} ms`)
    })

    test('batches: one partition, in order, and BatchError says which event failed', async () => {
      const topic = await newTopic(numbers(50))
      const calls: string[][] = []
      let failures = 0
      const consumer = bus(new MemoryLogger()).consumeBatches(
        topic,
        { group: topic, maxEvents: 20, maxWait: 10, retry: quick },
        (events) => {
          const texts = events.map((event) => event.text())
          calls.push(texts)
          const at = texts.indexOf('7')
          if (at >= 0 && failures++ < 2) throw new BatchError(at)
        },
      )
      consumers.add(consumer)
      await eventually('all are handled', () => consumer.lag()[0]?.lag === 0n)
      await consumer.stop()
      assert.deepEqual(
        calls.map((texts) => [texts[0], texts.at(-1)]),
        [
          ['0', '19'],
          ['7', '26'],
          ['7', '26'],
          ['27', '46'],
          ['47', '49'],
        ],
      )
    })

    test('batches: an event that is rejected is a dead letter once, and is not given again meanwhile', async () => {
      const topic = await withDeadTopic(numbers(10))
      const calls: string[][] = []
      const consumer = bus(new MemoryLogger()).consumeBatches(
        topic,
        { group: topic, maxEvents: 10, maxWait: 10, retry: quick, deadLetter: {} },
        (events) => {
          const texts = events.map((event) => event.text())
          calls.push(texts)
          const at = texts.indexOf('4')
          if (at >= 0) throw new BatchError(at, { cause: new Reject('never') })
        },
      )
      consumers.add(consumer)
      await eventually('all are done', () => consumer.lag()[0]?.lag === 0n)
      const result = await consumer.stop()
      assert.deepEqual([result.dead, result.handled], [1, 9])
      assert.deepEqual(calls, [numbers(10), numbers(5, 5)])
    })

    test('batches: a throw that names no event is searched for one by one', async () => {
      const topic = await withDeadTopic(numbers(10))
      const got: string[] = []
      const consumer = bus(new MemoryLogger()).consumeBatches(
        topic,
        { group: topic, maxEvents: 5, maxWait: 10, retry: quick, deadLetter: {} },
        (events) => {
          if (events.some((event) => event.text() === '3')) throw new Error('one of these')
          got.push(...events.map((event) => event.text()))
        },
      )
      consumers.add(consumer)
      await eventually('all are done', () => consumer.lag()[0]?.lag === 0n)
      const { dead } = await consumer.stop()
      assert.deepEqual([got, dead], [numbers(10).filter((text) => text !== '3'), 1])
    })

    describe('a record that no codec reads', () => {
      const codec = cloudEvents()
      const picky: Codec = {
        name: 'picky',
        encode: (event) => codec.encode(event),
        decode: (record, from) => {
          if (record.value?.toString() === '2') throw new Error('no')
          return codec.decode(record, from)
        },
      }

      test("'stop': closed rejects, and the mark stays before it", async () => {
        const topic = await newTopic(numbers(4), () => 'k')
        const got: string[] = []
        const consumer = consume(topic, (event) => got.push(event.text()), { codec: picky })
        await assert.rejects(consumer.closed, (error) => {
          assert.ok(error instanceof BrokenRecordError)
          return error.offset === 2n
        })
        assert.deepEqual(got, ['0', '1'])
        assert.deepEqual(await rest(topic, 2), ['2', '3'])
      })

      test("'deadLetter', 'deliver', and a function: good ones around it arrive once", async () => {
        for (const onBroken of ['deadLetter', 'deliver', () => 'skip' as const] as const) {
          const topic = await withDeadTopic(numbers(4))
          const got: string[] = []
          const consumer = consume(
            topic,
            (event) =>
              got.push(event.broken === undefined ? event.text() : `broken ${event.text()}`),
            { codec: picky, onBroken, deadLetter: {} },
          )
          await eventually('all are done', () => consumer.lag()[0]?.lag === 0n)
          const { dead } = await consumer.stop()
          assert.equal(dead, onBroken === 'deadLetter' ? 1 : 0)
          const delivered = onBroken === 'deliver' ? ['broken 2'] : []
          assert.deepEqual(got.toSorted(), ['0', '1', '3', ...delivered])
        }
      })
    })
  })
}

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { z } from 'zod'
import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { EventStream } from '../../src/consumer/stream/event-stream.ts'
import { BrokenRecordError, OptionError } from '../../src/core/errors.ts'
import type { Schema, Topic } from '../../src/core/topic.ts'
import { freshTopic, type Place, places } from './stream/places.ts'
import { eventually, MemoryLogger } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

const Order = z.object({ id: z.string(), at: z.coerce.date() })
const good = JSON.stringify({ id: 'o-1', at: '2026-01-02T03:04:05Z' })

for (const [name, openPlace] of Object.entries(places)) {
  describe(`a topic with a schema on ${name}`, () => {
    let place: Place
    let sender: Sender
    let bus: EventBus
    const opened: EventStream[] = []
    const stream = <T>(topic: Topic<T>): EventStream<T> => {
      const one = bus.stream(topic, { group: 'loop' })
      opened.push(one)
      return one
    }
    before(async () => {
      place = await openPlace()
      sender = await Sender.open(place.broker)
      bus = new EventBus({ broker: place.broker, logger: new MemoryLogger() })
    })
    after(async () => {
      for (const one of opened) await one.return()
      await sender[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    })
    const sent = async (...payloads: (string | null)[]) => {
      const topic = freshTopic()
      await place.createTopic(topic, 1)
      await sender.sendEvents(
        topic,
        payloads.map((payload) => ({
          key: 'k',
          payload: payload === null ? null : Buffer.from(payload),
        })),
      )
      return bus.topic(topic, Order)
    }

    test('event.data is what the schema made of the payload, in a loop and in handlers', async () => {
      const orders = await sent(good, good)
      for await (const event of stream(orders)) {
        const at: Date = event.data.at
        assert.equal(at.toISOString(), '2026-01-02T03:04:05.000Z')
        // @ts-expect-error an order has no such thing
        assert.equal(event.data.total, undefined)
        assert.equal(event.text(), good)
        break
      }
      const ids: string[] = []
      const one = bus.consume(orders, { group: 'one' }, (event) => ids.push(event.data.id))
      const many = bus.consumeBatches(orders, { group: 'many' }, (events) => {
        ids.push(...events.map((event) => event.data.id))
      })
      await eventually('all are handled', () => ids.length === 4)
      await Promise.all([one.stop(), many.stop()])
      assert.deepEqual(ids, ['o-1', 'o-1', 'o-1', 'o-1'])
    })

    test('a payload that does not fit is a broken record, not a failure of the handler', async () => {
      for (const payload of ['{"id":7}', 'no JSON', null]) {
        const orders = await sent(payload, good)
        await assert.rejects(
          stream(orders).next(),
          (error) => error instanceof BrokenRecordError && error.cause instanceof Error,
        )
        const ids: string[] = []
        const options = { group: 'skipping', onBroken: () => 'skip' as const }
        const consumer = bus.consume(orders, options, (event) => ids.push(event.data.id))
        await eventually('the good one is handled', () => ids.length === 1)
        assert.equal((await consumer.stop()).skipped, 1)
      }
    })

    test('a list of topics has the data of any of them', async () => {
      const orders = await sent(good)
      const { name: topic } = await sent('7')
      const numbers = bus.topic(topic, z.number())
      const got: unknown[] = []
      const options = { group: 'both', order: 'partition' } as const
      const consumer = bus.consume([orders, numbers], options, ({ data }) => {
        got.push(typeof data === 'number' ? data.toFixed(1) : data.id)
      })
      await eventually('both are handled', () => got.length === 2)
      await consumer.stop()
      assert.deepEqual(new Set(got), new Set(['7.0', 'o-1']))
    })

    test('a schema that takes null takes tombstones', async () => {
      const { name: topic } = await sent(null)
      const orders = bus.topic(topic, Order.nullable())
      const { value } = await stream(orders).next()
      assert.equal(value?.data, null)
    })
  })
}

describe('a schema', () => {
  const bus = new EventBus({ broker: local() })

  test('is not needed for data that are JSON', async () => {
    const broker = local({ partitions: 1 })
    await broker.createTopic('t')
    await using sender = await Sender.open(broker)
    await sender.send('t', ['{"a":1}'])
    await using own = new EventBus({ broker })
    const { value } = await own.stream('t', { group: 'g' }).next()
    assert.deepEqual(value?.data, { a: 1 })
    await value?.ack()
  })

  test('that is none, or that has no name, is refused', () => {
    for (const none of [null, {}, Object, z.object])
      assert.throws(() => bus.topic('t', none as unknown as Schema), OptionError)
    assert.throws(() => bus.topic('', Order), OptionError)
  })

  test('that answers later makes a record broken: records are read at once', async () => {
    const broker = local({ partitions: 1 })
    await broker.createTopic('t')
    await using sender = await Sender.open(broker)
    await sender.send('t', ['1'])
    await using own = new EventBus({ broker })
    const later = z.number().refine(async () => Promise.resolve(true))
    await assert.rejects(own.stream(own.topic('t', later), { group: 'g' }).next(), (error) => {
      assert.ok(error instanceof BrokenRecordError)
      return /answers later/.test(String(error.cause))
    })
  })
})

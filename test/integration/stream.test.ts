import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import { EventBus } from '../../src/bus/event-bus.ts'
import { cloudEvents } from '../../src/codecs/cloudevents/index.ts'
import type { EventStream } from '../../src/consumer/stream/event-stream.ts'
import type { StreamOptions } from '../../src/consumer/stream/options.ts'
import type { ReceivedEvent } from '../../src/consumer/received-event.ts'
import type { Codec } from '../../src/core/codec.ts'
import { BrokenRecordError, StreamInUseError } from '../../src/core/errors.ts'
import { freshTopic, type Place, places } from './stream/places.ts'
import { eventually, Loop, MemoryLogger, numbers, take } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

const commits = ['auto', 'batch', 'message'] as const

for (const [name, openPlace] of Object.entries(places)) {
  describe(`a stream on ${name}`, () => {
    let place: Place
    let sender: Sender
    const logger = new MemoryLogger()
    before(async () => {
      place = await openPlace()
      sender = await Sender.open(place.broker)
    })
    after(async () => {
      await sender[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    })
    const newBus = (codec?: Codec): EventBus =>
      new EventBus({ broker: place.broker, logger, ...(codec === undefined ? {} : { codec }) })
    const stream = (topic: string, options: StreamOptions = {}): EventStream =>
      newBus().stream(topic, { group: topic, ...options })
    const newTopic = async (partitions = 1, texts: readonly string[] = []): Promise<string> => {
      const topic = freshTopic()
      await place.createTopic(topic, partitions)
      if (texts.length > 0) await sender.send(topic, texts, (text) => text)
      return topic
    }

    for (const commit of commits) {
      test(`commit '${commit}': break at an event, and a new stream begins at it`, async () => {
        const topic = await newTopic(1, numbers(20))
        const got: string[] = []
        for await (const event of stream(topic, { commit })) {
          got.push(event.text())
          if (event.text() === '7') break
        }
        assert.deepEqual(got, numbers(8))
        assert.deepEqual(await take(stream(topic, { commit }), 13), numbers(13, 7))
      })

      test(`commit '${commit}': an acknowledged event does not come again after break`, async () => {
        const topic = await newTopic(1, numbers(10))
        assert.deepEqual(await take(stream(topic, { commit }), 4), numbers(4))
        assert.deepEqual(await take(stream(topic, { commit }), 6), numbers(6, 4))
      })
    }

    test("a throw surfaces the user's own error, and the event comes again", async () => {
      const topic = await newTopic(1, numbers(5))
      const own = new Error('mine')
      const loop = new Loop(stream(topic), (event) => {
        if (event.text() === '2') throw own
      })
      await assert.rejects(loop.ended, own)
      assert.deepEqual(await take(stream(topic), 3), numbers(3, 2))
    })

    test('manual acks: the mark stays before the first event that is not acknowledged', async () => {
      const topic = await newTopic(1, numbers(6))
      const events: ReceivedEvent[] = []
      for await (const event of stream(topic, { ack: 'manual' })) {
        events.push(event)
        if (events.length === 6) break
        // Others than 2 and 5, and not in their order.
        if (event.text() === '4') for (const at of [4, 0, 3, 1]) await events[at]?.ack()
      }
      await events[2]?.ack()
      assert.deepEqual(await take(stream(topic), 4), numbers(4, 2))
    })

    test('manual acks: close waits for what is in hand', async () => {
      const topic = await newTopic(1, numbers(3))
      const reading = stream(topic, { ack: 'manual' })
      const events: (ReceivedEvent | undefined)[] = []
      for (let n = 0; n < 3; n++) events.push((await reading.next()).value)
      const pending = reading.next()
      const closed = reading.close()
      for (const event of events) await event?.ack()
      await closed
      assert.deepEqual(await pending, { done: true, value: undefined })
      await sender.send(topic, ['3'])
      assert.deepEqual(await take(stream(topic), 1), ['3'])
    })

    test('an event is as it was sent, byte for byte', async () => {
      const topic = await newTopic(1)
      const headers = [
        ['a', Buffer.from('1')],
        ['a', Buffer.from([0xff, 0x00])],
        ['A', Buffer.alloc(0)],
      ] as const
      const [uuid, timestamp] = [
        '019ab000-0000-7000-8000-000000000001',
        new Date(1_700_000_000_123),
      ]
      await sender.sendEvents(topic, [
        { uuid, timestamp, key: '', headers, msgType: 'Made', payload: Buffer.from([0, 255, 1]) },
        { key: 'é', payload: null },
        { payload: Buffer.alloc(0) },
        { payload: Buffer.from('{"a":1}'), mimeType: 'application/json' },
      ])
      const got: ReceivedEvent[] = []
      for await (const event of stream(topic)) if (got.push(event) === 4) break
      const [first, tombstone, empty, json] = got
      assert.deepEqual(first?.headers, headers)
      assert.equal(first?.header('a'), '1')
      assert.deepEqual(first?.payload, Buffer.from([0, 255, 1]))
      assert.deepEqual(
        [first.topic, first.partition, first.offset, first.key, first.msgType, first.mimeType],
        [topic, 0, 0n, '', 'Made', 'text/plain'],
      )
      assert.deepEqual([first.uuid, first.timestamp], [uuid, timestamp])
      assert.ok(Math.abs(first.publishedAt.getTime() - Date.now()) < 60_000)
      assert.deepEqual([tombstone?.key, tombstone?.payload, tombstone?.json()], ['é', null, null])
      assert.deepEqual([empty?.key, empty?.payload, empty?.text()], [null, Buffer.alloc(0), ''])
      assert.deepEqual(json?.json(), { a: 1 })
      assert.throws(() => first.json(), /is no JSON/)
    })

    test('two groups each get every event; without a group only what comes from now on', async () => {
      const topic = await newTopic(2, numbers(3))
      for (const group of [`${topic}-a`, `${topic}-b`])
        assert.deepEqual((await take(stream(topic, { group }), 3)).toSorted(), numbers(3))
      const latest = new Loop(newBus().stream(topic))
      await latest.running()
      await sender.send(topic, ['new'])
      await latest.handled(1)
      await latest.end()
      assert.deepEqual(latest.got, ['new'])
    })

    test("a new group that begins at 'latest' misses nothing between two of its streams", async () => {
      const topic = await newTopic(1, numbers(3))
      const first = new Loop(stream(topic, { from: 'latest' }))
      await first.running()
      await first.end()
      await sender.send(topic, numbers(2, 3))
      assert.deepEqual(await take(stream(topic, { from: 'latest' }), 2), numbers(2, 3))
    })

    test('start positions: a time, offsets, and seek over what was committed', async () => {
      const topic = await newTopic(1, numbers(3))
      for (const sent = Date.now(); Date.now() <= sent + 1; await turn());
      const between = new Date()
      for (; Date.now() <= between.getTime() + 1; await turn());
      await sender.send(topic, numbers(3, 3))
      assert.deepEqual(await take(stream(topic, { from: between }), 3), numbers(3, 3))
      const seek = { from: 'earliest', seek: true } as const
      assert.deepEqual(await take(stream(topic, seek), 6), numbers(6))
      const list = [{ topic, partition: 0, offset: 1n }]
      for (const from of [list, { [topic]: { 0: 1n } }])
        assert.deepEqual(await take(stream(topic, { from, seek: true }), 2), numbers(2, 1))
    })

    test('unsubscribe ends the stream, and the same group misses nothing later', async () => {
      const topic = await newTopic(1, numbers(3))
      const bus = newBus()
      const loop = new Loop(bus.stream(topic, { group: topic }))
      await loop.handled(3)
      assert.deepEqual(bus.listSubscribers(topic), [topic])
      await bus.unsubscribe(topic, 'another')
      assert.deepEqual(bus.listSubscribers(topic), [topic])
      await bus.unsubscribe(topic, topic)
      await loop.ended
      assert.deepEqual(bus.listSubscribers(topic), [])
      await sender.send(topic, numbers(3, 3))
      assert.deepEqual(await take(bus.stream(topic, { group: topic }), 3), numbers(3, 3))
      assert.deepEqual(loop.got, numbers(3))
    })

    test('unsubscribe lets the event in hand finish, and it does not come again', async () => {
      const topic = await newTopic(1, numbers(3))
      const bus = newBus()
      const unsubscribed: Promise<void>[] = []
      const loop = new Loop(bus.stream(topic, { group: topic }), async (event) => {
        if (event.text() !== '1') return
        unsubscribed.push(bus.unsubscribe(topic, topic))
        await turn()
      })
      await loop.ended
      await Promise.all(unsubscribed)
      assert.deepEqual(loop.got, numbers(2))
      assert.deepEqual(await take(stream(topic), 1), ['2'])
    })

    test('a signal ends the loop, after the event in hand, with what is handled committed', async () => {
      const topic = await newTopic(1, numbers(5))
      const stop = new AbortController()
      const loop = new Loop(stream(topic, { signal: stop.signal }), (event) => {
        if (event.text() === '2') stop.abort()
      })
      await loop.ended
      assert.deepEqual(loop.got, numbers(3))
      assert.deepEqual(await take(stream(topic), 2), numbers(2, 3))
    })

    test('a signal that has aborted, and a close before the start, give no event', async () => {
      const topic = await newTopic(1, numbers(1))
      assert.deepEqual(await take(stream(topic, { signal: AbortSignal.abort() }), 1), [])
      const bus = newBus()
      const unstarted = bus.stream(topic, { group: topic })
      await bus.unsubscribe(topic, topic)
      assert.deepEqual(await take(unstarted, 1), [])
      assert.equal(unstarted.health().state, 'stopped')
    })

    test('a stream that is closed while it opens ends, and leaves no member behind', async () => {
      const topic = await newTopic(1, numbers(1))
      const opening = stream(topic)
      const pending = opening.next()
      await opening.close()
      assert.equal((await pending).done, true)
      assert.deepEqual(await take(stream(topic), 1), ['0'])
    })

    test('two streams of a group on different topics both get theirs', async () => {
      const [one, two] = [await newTopic(2, numbers(10)), await newTopic(2, numbers(10, 10))]
      const loops = [one, two].map((topic) => new Loop(stream(topic, { group: one })))
      for (const loop of loops) await loop.handled(10)
      for (const loop of loops) await loop.end()
      assert.deepEqual(new Set(loops[0]?.got), new Set(numbers(10)))
      assert.deepEqual(new Set(loops[1]?.got), new Set(numbers(10, 10)))
    })

    test('one stream reads several topics', async () => {
      const topics = [await newTopic(1, numbers(5)), await newTopic(2, numbers(5, 5))]
      const got = await take(newBus().stream(topics, { group: topics[0] ?? '' }), 10)
      assert.deepEqual(new Set(got), new Set(numbers(10)))
    })

    for (const group of [true, false]) {
      test(`a topic that is unknown is waited for, with a warning, ${group ? 'in' : 'without'} a group`, async () => {
        const topic = freshTopic()
        const options = group ? { group: topic, from: 'latest' as const } : {}
        const loop = new Loop(newBus().stream(topic, options))
        const isWarned = (): boolean => logger.at('warn').some((line) => line.includes(topic))
        await eventually('there is a warning', isWarned)
        await place.createTopic(topic, 2)
        // It was not there at the start: all that is in it comes after that.
        await sender.send(topic, numbers(5), (text) => text)
        await loop.handled(5)
        await loop.end()
        assert.deepEqual(new Set(loop.got), new Set(numbers(5)))
      })
    }

    test('the lag reaches 0 behind transactions', async () => {
      const topic = await newTopic(1, numbers(3))
      await sender.send(topic, numbers(3, 3))
      const loop = new Loop(stream(topic))
      await loop.handled(6)
      await eventually('the lag is 0', () => loop.stream.lag()[0]?.lag === 0n)
      const mark = loop.stream.lag()[0]?.mark
      await loop.end()
      const resumed = stream(topic)
      const pending = resumed.next()
      await eventually('it runs', () => resumed.lag()[0]?.lag === 0n)
      assert.equal(resumed.lag()[0]?.mark, mark)
      await resumed.close()
      await pending
    })

    test('a record that no codec reads ends the loop before it, and the mark stays there', async () => {
      const topic = await newTopic(1, numbers(4))
      const codec = cloudEvents()
      const cause = new Error('no')
      const picky: Codec = {
        name: 'picky',
        encode: (event) => codec.encode(event),
        decode: (record, from) => {
          if (record.value?.toString() === '2') throw cause
          return codec.decode(record, from)
        },
      }
      const loop = new Loop(newBus(picky).stream(topic, { group: topic }))
      await assert.rejects(loop.ended, (error) => {
        assert.ok(error instanceof BrokenRecordError)
        assert.deepEqual([error.topic, error.partition, error.offset], [topic, 0, 2n])
        assert.deepEqual([error.key?.toString(), error.value?.toString()], ['2', '2'])
        return error.cause === cause
      })
      assert.deepEqual(loop.got, numbers(2))
      assert.deepEqual(await take(stream(topic), 2), numbers(2, 2))
    })

    test('a stream has one reader', async () => {
      const topic = await newTopic(1, numbers(3))
      const reading = stream(topic)
      const first = reading.next()
      await assert.rejects(reading.next(), StreamInUseError)
      assert.equal((await first).value?.text(), '0')
      const both = await Promise.allSettled([reading.next(), reading.next()])
      assert.deepEqual(
        both.map(({ status }) => status),
        ['fulfilled', 'rejected'],
      )
      reading[Symbol.asyncIterator]()
      assert.throws(() => reading[Symbol.asyncIterator](), StreamInUseError)
      await reading.return()
      assert.deepEqual(await reading.next(), { done: true, value: undefined })
      assert.deepEqual(await take(stream(topic), 2), numbers(2, 1))
    })
  })
}

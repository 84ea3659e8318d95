import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { EventBus } from '../../src/index.ts'
import type { Codec, EventStream, ReceivedEvent, StreamOptions } from '../../src/index.ts'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { local } from '../../src/brokers/local/index.ts'
import { cloudEvents } from '../../src/codecs/cloudevents/index.ts'
import type { Broker, Publisher } from '../../src/core/broker.ts'
import { BrokenRecordError, OptionError, StreamInUseError } from '../../src/core/errors.ts'
import { toRanges } from '../../src/core/id-ranges.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import { createTopic, sharedKafka } from '../servers/index.ts'

interface Place {
  open(): Broker
  newTopic(partitions: number): Promise<string>
  close(): Promise<void>
}

const folder = mkdtempSync(join(tmpdir(), 'oncommit-stream-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const places: Record<string, () => Promise<Place>> = {
  'the local broker in memory': async () => {
    const shared = local()
    return {
      open: () => shared,
      newTopic: async () => `t-${randomUUID().slice(0, 8)}`,
      close: () => shared.close(),
    }
  },
  'the local broker in a file': async () => {
    const file = join(folder, `${randomUUID()}.db`)
    return {
      open: () => local({ file }),
      newTopic: async () => `t-${randomUUID().slice(0, 8)}`,
      close: async () => {},
    }
  },
  Kafka: async () => {
    const server = await sharedKafka()
    return {
      open: () => kafka({ brokers: [server.address] }),
      newTopic: async (partitions) => {
        const topic = `t-${randomUUID().slice(0, 8)}`
        await createTopic(server, topic, { partitions })
        return topic
      },
      close: async () => {},
    }
  },
}

/** Publishes as a relay does. */
class Sender implements AsyncDisposable {
  readonly #publisher: Publisher
  readonly #codec: Codec = cloudEvents()
  #number = 0

  static async open(broker: Broker): Promise<Sender> {
    const publisher = await broker.openPublisher({
      outbox: 'stream-test',
      relayId: uuidv7(),
      signal: new AbortController().signal,
      onAway: () => {},
    })
    return new Sender(publisher)
  }

  private constructor(publisher: Publisher) {
    this.#publisher = publisher
  }

  async send(
    topic: string,
    texts: readonly string[],
    key: (text: string) => string | null = () => 'k',
  ): Promise<void> {
    this.#number += 1
    const records = texts.map((text) => ({
      topic,
      ...this.#codec.encode({
        topic,
        uuid: uuidv7(),
        timestamp: new Date(),
        key: key(text),
        msgType: 'T',
        mimeType: 'text/plain',
        headers: [],
        payload: Buffer.from(text),
      }),
    }))
    const ids = toRanges(texts.map((_, at) => BigInt(at + 1)))
    const result = await this.#publisher.append({ number: this.#number, ids, records }, () => {})
    assert.equal(result.state, 'appended')
    if (result.state === 'appended') await result.commit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#publisher.close()
  }
}

const numbers = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => String(n + from))

async function take(stream: EventStream, count: number): Promise<string[]> {
  const got: string[] = []
  for await (const event of stream) {
    got.push(event.text())
    if (got.length === count) {
      await event.ack()
      break
    }
  }
  return got
}

for (const [name, openPlace] of Object.entries(places)) {
  describe(`a stream on ${name}`, () => {
    let place: Place
    let broker: Broker
    let sender: Sender
    before(async () => {
      place = await openPlace()
      broker = place.open()
      sender = await Sender.open(broker)
    })
    after(async () => {
      await sender[Symbol.asyncDispose]()
      await broker.close()
      await place.close()
    })
    const newBus = (): EventBus => new EventBus({ broker })
    const stream = (topic: string, options: StreamOptions = {}): EventStream =>
      newBus().stream(topic, { group: 'g', ...options })

    for (const commit of ['auto', 'batch', 'message'] as const) {
      test(`commit '${commit}': break at an event, and a new stream begins at it`, async () => {
        const topic = await place.newTopic(1)
        await sender.send(topic, numbers(20))
        const got: string[] = []
        for await (const event of stream(topic, { commit })) {
          got.push(event.text())
          if (event.text() === '7') break
        }
        assert.deepEqual(got, numbers(8))
        assert.deepEqual(await take(stream(topic, { commit }), 13), numbers(13, 7))
      })

      test(`commit '${commit}': an acknowledged event does not come again after break`, async () => {
        const topic = await place.newTopic(1)
        await sender.send(topic, numbers(10))
        assert.deepEqual(await take(stream(topic, { commit }), 4), numbers(4))
        assert.deepEqual(await take(stream(topic, { commit }), 6), numbers(6, 4))
      })
    }

    test("a throw surfaces the user's own error, and the event comes again", async () => {
      const topic = await place.newTopic(1)
      await sender.send(topic, numbers(5))
      const own = new Error('mine')
      const loop = async (): Promise<void> => {
        for await (const event of stream(topic)) if (event.text() === '2') throw own
      }
      await assert.rejects(loop, own)
      assert.deepEqual(await take(stream(topic), 3), numbers(3, 2))
    })

    test('manual acks: the mark stays before the first event that is not acknowledged', async () => {
      const topic = await place.newTopic(1)
      await sender.send(topic, numbers(6))
      const events: ReceivedEvent[] = []
      for await (const event of stream(topic, { ack: 'manual', drainTimeout: 0 })) {
        events.push(event)
        if (event.text() !== '2') await event.ack()
        if (events.length === 6) break
      }
      assert.deepEqual(await take(stream(topic), 4), numbers(4, 2))
    })

    test('two groups each get every event; without a group only what comes from now on', async () => {
      const topic = await place.newTopic(2)
      await sender.send(topic, numbers(3), (text) => text)
      assert.deepEqual((await take(stream(topic, { group: 'a' }), 3)).toSorted(), numbers(3))
      assert.deepEqual((await take(stream(topic, { group: 'b' }), 3)).toSorted(), numbers(3))
      const latest = newBus().stream(topic)
      const next = latest.next()
      const later = async (): Promise<void> => {
        while (latest.health().state !== 'running')
          await new Promise((resolve) => setTimeout(resolve, 5))
        await sender.send(topic, ['new'])
      }
      const [result] = await Promise.all([next, later()])
      assert.equal(result.value?.text(), 'new')
      await latest.return()
    })

    test('start positions: a time, offsets, and seek over what was committed', async () => {
      const topic = await place.newTopic(1)
      await sender.send(topic, numbers(3))
      await new Promise((resolve) => setTimeout(resolve, 20))
      const between = new Date()
      await new Promise((resolve) => setTimeout(resolve, 20))
      await sender.send(topic, numbers(3, 3))
      assert.deepEqual(
        await take(stream(topic, { group: 'time', from: between }), 3),
        numbers(3, 3),
      )
      assert.deepEqual(
        await take(stream(topic, { group: 'time', from: 'earliest', seek: true }), 6),
        numbers(6),
      )
      const from = [{ topic, partition: 0, offset: 1n }]
      assert.deepEqual(await take(stream(topic, { group: 'offsets', from }), 2), numbers(2, 1))
    })

    test('unsubscribe ends the stream, and the same group misses nothing later', async () => {
      const topic = await place.newTopic(1)
      const bus = newBus()
      const got: string[] = []
      const seen = Promise.withResolvers<void>()
      const loop = (async () => {
        for await (const event of bus.stream(topic, { group: 'g' })) {
          got.push(event.text())
          if (event.text() === '2') seen.resolve()
        }
      })()
      await sender.send(topic, numbers(3))
      await seen.promise
      assert.deepEqual(bus.listSubscribers(topic), ['g'])
      await bus.unsubscribe(topic, 'g')
      await loop
      assert.deepEqual(bus.listSubscribers(topic), [])
      await sender.send(topic, numbers(3, 3))
      assert.deepEqual(got, numbers(3))
      assert.deepEqual(await take(bus.stream(topic, { group: 'g' }), 3), numbers(3, 3))
    })

    test('a signal ends the loop, after the event in hand, with what is handled committed', async () => {
      const topic = await place.newTopic(1)
      await sender.send(topic, numbers(5))
      const stop = new AbortController()
      const got: string[] = []
      for await (const event of stream(topic, { signal: stop.signal })) {
        got.push(event.text())
        if (got.length === 3) stop.abort()
      }
      assert.deepEqual(got, numbers(3))
      assert.deepEqual(await take(stream(topic), 2), numbers(2, 3))
    })

    test('two members share the partitions; one leaves, and nothing is handled twice or lost', async () => {
      const topic = await place.newTopic(4)
      const got: string[][] = [[], []]
      const stops = [new AbortController(), new AbortController()]
      const run = async (member: number): Promise<void> => {
        for await (const event of stream(topic, { signal: stops[member]!.signal }))
          got[member]!.push(event.text())
      }
      const first = run(0)
      for (let n = 0; n < 200; n += 10) await sender.send(topic, numbers(10, n), (text) => text)
      const second = run(1)
      let sent = 200
      while (got[1]!.length === 0) {
        await sender.send(topic, numbers(10, sent), (text) => text)
        sent += 10
      }
      stops[0]!.abort()
      await first
      await sender.send(topic, numbers(50, sent), (text) => text)
      sent += 50
      const deadline = performance.now() + 20_000
      while (got[0]!.length + got[1]!.length < sent && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      stops[1]!.abort()
      await second
      const all = got.flat()
      assert.equal(all.length, sent)
      assert.deepEqual(new Set(all), new Set(numbers(sent)))
    })

    test('the lag reaches 0 behind transactions', async () => {
      const topic = await place.newTopic(1)
      await sender.send(topic, numbers(3))
      await sender.send(topic, numbers(3, 3))
      const reading = stream(topic, { commit: 'message' })
      for (let n = 0; n < 6; n++) await reading.next()
      const pending = reading.next()
      const deadline = performance.now() + 10_000
      while (reading.lag()[0]?.lag !== 0n && performance.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 10))
      assert.equal(reading.lag()[0]?.lag, 0n)
      await reading.close()
      assert.equal((await pending).done, true)
    })

    test('a record that no codec reads ends the loop before it, and the mark stays there', async () => {
      const topic = await place.newTopic(1)
      await sender.send(topic, numbers(4))
      const codec = cloudEvents()
      const picky: Codec = {
        name: 'picky',
        encode: (event) => codec.encode(event),
        decode: (record, from) => {
          if (record.value?.toString() === '2') throw new Error('no')
          return codec.decode(record, from)
        },
      }
      const bus = new EventBus({ broker, codec: picky })
      const got: string[] = []
      const loop = async (): Promise<void> => {
        for await (const event of bus.stream(topic, { group: 'g' })) got.push(event.text())
      }
      await assert.rejects(
        loop,
        (error: unknown) => error instanceof BrokenRecordError && error.offset === 2n,
      )
      assert.deepEqual(got, numbers(2))
      assert.deepEqual(await take(stream(topic), 2), numbers(2, 2))
    })

    test('a stream has one reader', async () => {
      const topic = await place.newTopic(1)
      await sender.send(topic, numbers(1))
      const reading = stream(topic)
      const first = reading.next()
      await assert.rejects(reading.next(), StreamInUseError)
      await first
      reading[Symbol.asyncIterator]()
      assert.throws(() => reading[Symbol.asyncIterator](), StreamInUseError)
      await reading.return()
    })
  })
}

test('every wrong option gets an error with its name, what it got and what it takes', () => {
  const bus = new EventBus({ broker: local() })
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ group: '' }, /stream\.group: got "", takes a text/],
    [{ group: 'g', from: 'start' }, /stream\.from: got "start"/],
    [
      { group: 'g', commit: 'never' },
      /stream\.commit: got "never", takes 'auto' or 'batch' or 'message'/,
    ],
    [
      { group: 'g', commit: 'message', commitInterval: 5 },
      /stream\.commitInterval: got 5, takes nothing/,
    ],
    [{ commit: 'auto' }, /stream\.commit: .* without a group/],
    [{ group: 'g', ack: 'none' }, /stream\.ack/],
    [
      { group: 'g', drainTimeout: 30_000 },
      /stream\.drainTimeout: got 30000, takes a whole number from 0 to 29999/,
    ],
    [{ group: 'g', sessionTimeout: 10 }, /stream\.sessionTimeout/],
    [{ group: 'g', seek: 'yes' }, /stream\.seek/],
    [{ group: 'g', signal: 5 }, /stream\.signal: got 5, takes an AbortSignal/],
    [{ group: 'g', backpressure: 'drop' }, /stream\.backpressure: .* no such option/],
  ]
  for (const [options, message] of wrong) {
    assert.throws(
      () => bus.stream('t', options),
      (error: unknown) => error instanceof OptionError && message.test(error.message),
      JSON.stringify(options),
    )
  }
  assert.throws(() => bus.stream([]), OptionError)
})

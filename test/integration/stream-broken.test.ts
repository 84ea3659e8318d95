import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { EventBus } from '../../src/bus/event-bus.ts'
import { cloudEvents } from '../../src/codecs/cloudevents/index.ts'
import type { BrokenRecord, OnBroken } from '../../src/consumer/broken.ts'
import { EventStream } from '../../src/consumer/stream/event-stream.ts'
import type { ReceivedEvent } from '../../src/consumer/received-event.ts'
import type { Codec } from '../../src/core/codec.ts'
import { BrokenRecordError, BrokerError, OptionError } from '../../src/core/errors.ts'
import { bytesOf, type Bytes, codecs, sendBytes } from './stream/broken.ts'
import { freshTopic, type Place, places } from './stream/places.ts'
import { MemoryLogger } from './stream/reading.ts'

async function events(from: EventStream, count: number): Promise<ReceivedEvent[]> {
  const got: ReceivedEvent[] = []
  for await (const event of from) {
    if (got.push(event) < count) continue
    await event.ack()
    break
  }
  return got
}
const texts = (got: readonly ReceivedEvent[]): string[] => got.map((event) => event.text())

for (const [name, openPlace] of Object.entries(places)) {
  describe(`a record that no codec reads, on ${name}`, () => {
    let place: Place
    const logger = new MemoryLogger()
    before(async () => {
      place = await openPlace()
    })
    after(async () => place[Symbol.asyncDispose]())

    async function sent(records: readonly Bytes[]): Promise<string> {
      const topic = freshTopic()
      await place.createTopic(topic, 1)
      await sendBytes(place.broker, topic, records)
      return topic
    }
    const stream = (
      topic: string,
      codec: Codec,
      onBroken: OnBroken = 'stop',
      deadLetter?: (record: BrokenRecord) => Promise<void>,
    ): EventStream =>
      new EventStream(
        {
          broker: place.broker,
          codecFor: () => codec,
          logger,
          ...(deadLetter === undefined ? {} : { deadLetter }),
        },
        topic,
        { group: topic, onBroken },
      )
    for (const { codec, good, broken } of codecs) {
      for (const [what, record] of Object.entries(broken)) {
        test(`${codec.name}, ${what}: 'stop' ends the loop before it, and the mark stays there`, async () => {
          const topic = await sent([good('a'), record, good('b')])
          const got: string[] = []
          const reading = stream(topic, codec)
          await assert.rejects(
            async () => {
              for await (const event of reading) got.push(event.text())
            },
            (error) => {
              assert.ok(error instanceof BrokenRecordError)
              assert.deepEqual([error.topic, error.partition], [topic, 0])
              assert.deepEqual([error.value, error.key], [record.value, record.key ?? null])
              return error.cause instanceof Error
            },
          )
          assert.deepEqual([got, reading.counts().broken], [['a'], 1])
          assert.deepEqual(
            texts(
              await events(
                stream(topic, codec, () => 'skip'),
                1,
              ),
            ),
            ['b'],
          )
        })

        test(`${codec.name}, ${what}: 'deliver' hands it out with its bytes, and good ones around it come once`, async () => {
          const topic = await sent([good('a'), record, good('b')])
          const reading = stream(topic, codec, 'deliver')
          const [first, second, third, ...others] = await events(reading, 3)
          assert.deepEqual([first?.text(), third?.text(), others], ['a', 'b', []])
          assert.deepEqual([first?.broken, third?.broken], [undefined, undefined])
          assert.ok(second?.broken?.cause instanceof Error)
          assert.deepEqual(
            [second.payload, second.headers, second.broken.key],
            [record.value, record.headers, record.key ?? null],
          )
          assert.equal(reading.counts().broken, 1)
        })

        test(`${codec.name}, ${what}: 'deadLetter' counts as handled once the dead letter is written`, async () => {
          const topic = await sent([good('a'), record, good('b')])
          const dead: BrokenRecord[] = []
          const reading = stream(topic, codec, 'deadLetter', async (one) => {
            dead.push(one)
            return Promise.resolve()
          })
          assert.deepEqual(texts(await events(reading, 2)), ['a', 'b'])
          assert.deepEqual(
            dead.map(({ value, headers }) => ({ value, headers })),
            [{ value: record.value, headers: record.headers }],
          )
          const { broken: count, deadLettered, skipped } = reading.counts()
          assert.deepEqual([count, deadLettered, skipped], [1, 1, 0])
        })
      }

      test(`${codec.name}: a tombstone is not broken`, async () => {
        const topic = await sent([bytesOf(null), good('b')])
        const reading = stream(topic, codec)
        const [tombstone] = await events(reading, 2)
        assert.deepEqual(
          [tombstone?.payload, tombstone?.broken, reading.counts().broken],
          [null, undefined, 0],
        )
      })
    }

    const [{ codec, good }] = codecs as [(typeof codecs)[0]]

    test('a function skips, delivers, or reads it after all, and what is skipped is counted', async () => {
      const bad = ['skip', 'deliver', 'mend'] as const
      const topic = await sent([good('a'), ...bad.map((text) => bytesOf(text)), good('b')])
      const reading = stream(topic, codec, async ({ value, headers }) => {
        const text = String(value)
        if (text === 'skip' || text === 'deliver') return text
        return Promise.resolve({
          ...codec.decode({ key: null, value: null, headers }, topic),
          payload: Buffer.from('mended'),
        })
      })
      assert.deepEqual(texts(await events(reading, 4)), ['a', 'deliver', 'mended', 'b'])
      const { broken, skipped } = reading.counts()
      assert.deepEqual([broken, skipped], [3, 1])
    })

    test('what the function throws ends the loop, and the record comes again', async () => {
      const topic = await sent([bytesOf('bad'), good('b')])
      const own = new Error('mine')
      const throwing = stream(topic, codec, () => {
        throw own
      })
      await assert.rejects(events(throwing, 1), own)
      assert.deepEqual(texts(await events(stream(topic, codec, 'deliver'), 2)), ['bad', 'b'])
    })

    test('a dead letter that fails is written again, and one that never can ends the loop before it', async () => {
      const topic = await sent([good('a'), bytesOf('bad'), good('b')])
      const failures: BrokerError[] = [
        new BrokerError('away', 'away'),
        new BrokerError('event-refused', 'too large'),
      ]
      const failing = stream(topic, codec, 'deadLetter', async () => {
        const failure = failures.shift()
        return failure === undefined ? Promise.resolve() : Promise.reject(failure)
      })
      await assert.rejects(events(failing, 2), /too large/)
      assert.equal(failures.length, 0)
      const again = stream(topic, codec, 'deadLetter', async () => Promise.resolve())
      assert.deepEqual(texts(await events(again, 1)), ['b'])
      assert.equal(again.counts().deadLettered, 1)
    })

    test("'deadLetter' of a bus puts it into the dead letters of topic and group, with its place", async () => {
      const topic = await sent([
        good('a'),
        bytesOf('bad', ['own', Buffer.from([1, 255])]),
        good('b'),
      ])
      const dead = `${topic}.${topic}.dead`
      await place.createTopic(dead, 1)
      const bus = new EventBus({ broker: place.broker, codec, logger })
      const reading = bus.stream(topic, { group: topic, onBroken: 'deadLetter' })
      assert.deepEqual(texts(await events(reading, 2)), ['a', 'b'])
      const plain: Codec = { ...codec, decode: (record) => cloudEvents().decode(record, dead) }
      const [letter] = await events(
        new EventBus({ broker: place.broker, codec: plain, logger }).stream(dead, { group: dead }),
        1,
      )
      assert.equal(letter?.text(), 'bad')
      const [own, ...about] = letter.headers
      assert.deepEqual(own, ['own', Buffer.from([1, 255])])
      const said = Object.fromEntries(about.map(([named, value]) => [named, value.toString()]))
      assert.equal(said['oncommit-dead-topic'], topic)
      assert.equal(said['oncommit-dead-offset'], '1')
      assert.equal(said['oncommit-dead-group'], topic)
      assert.match(said['oncommit-dead-reason'] ?? '', /JSON/)
    })

    test("'deadLetter' without a place for dead letters is refused by name", () => {
      assert.throws(() => stream('t', codec, 'deadLetter'), OptionError)
    })
  })
}

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ConsumeOptions } from '../../src/consumer/consume/options.ts'
import type { ReceivedEvent } from '../../src/consumer/received-event.ts'
import type { Codec } from '../../src/core/codec.ts'
import { BrokenRecordError } from '../../src/core/errors.ts'
import { caughtUp, Consuming, quick } from './consume/consuming.ts'
import { bytesOf, type Bytes, codecs, sendBytes } from './stream/broken.ts'
import { freshTopic, places } from './stream/places.ts'

for (const [name, openPlace] of Object.entries(places)) {
  describe(`a record that no codec reads, for a handler on ${name}`, () => {
    let at: Consuming
    before(async () => {
      at = await Consuming.open(openPlace)
    })
    after(() => at[Symbol.asyncDispose]())

    const sent = async (records: readonly Bytes[]): Promise<string> => {
      const topic = freshTopic()
      await at.place.createTopic(topic, 1)
      await at.place.createTopic(`${topic}.${topic}.dead`, 1)
      await sendBytes(at.place.broker, topic, records)
      return topic
    }
    /** What a consumer of a group gives to its handler until all is handled. */
    const all = async (
      topic: string,
      codec: Codec,
      options: Partial<ConsumeOptions>,
    ): Promise<{ readonly events: readonly ReceivedEvent[]; readonly dead: number }> => {
      const events: ReceivedEvent[] = []
      const consumer = at
        .bus({ codec })
        .consume(topic, { group: topic, order: 'partition', retry: quick, ...options }, (event) => {
          events.push(event)
        })
      await caughtUp(consumer)
      return { events, dead: (await consumer.stop()).dead }
    }

    for (const { codec, good, broken } of codecs) {
      for (const [what, record] of Object.entries(broken)) {
        test(`${codec.name}, ${what}: 'stop' ends the consumer before it, and the mark stays there`, async () => {
          const topic = await sent([good('a'), record, good('b')])
          const got: string[] = []
          const options = { group: topic, order: 'partition' } as const
          const consumer = at
            .bus({ codec })
            .consume(topic, options, (event) => got.push(event.text()))
          await assert.rejects(consumer.closed, (error) => {
            assert.ok(error instanceof BrokenRecordError)
            assert.deepEqual([error.topic, error.partition], [topic, 0])
            assert.deepEqual([error.value, error.key], [record.value, record.key ?? null])
            return error.cause instanceof Error
          })
          assert.deepEqual([got, consumer.health().state], [['a'], 'stopped'])
          const { events } = await all(topic, codec, { onBroken: 'deliver' })
          assert.deepEqual(
            events.map((event) => event.broken === undefined),
            [false, true],
          )
        })

        test(`${codec.name}, ${what}: 'deliver' gives it with its bytes, 'deadLetter' buries them, and good ones around it come once`, async () => {
          const topic = await sent([good('a'), record, good('b')])
          const { events } = await all(topic, codec, { onBroken: 'deliver' })
          const [first, second, third, ...others] = events
          assert.deepEqual([first?.text(), third?.text(), others], ['a', 'b', []])
          assert.ok(second?.broken?.cause instanceof Error)
          assert.deepEqual(
            [second.payload, second.headers, second.broken.key],
            [record.value, record.headers, record.key ?? null],
          )
          const again = { from: 'earliest', seek: true } as const
          const buried = await all(topic, codec, {
            onBroken: 'deadLetter',
            deadLetter: {},
            ...again,
          })
          assert.deepEqual(
            [buried.events.map((event) => event.text()), buried.dead],
            [['a', 'b'], 1],
          )
          const dead = `${topic}.${topic}.dead`
          const [letter] = (await all(dead, codec, { onBroken: 'deliver' })).events
          assert.deepEqual(letter?.payload, record.value)
          assert.deepEqual(letter?.headers.slice(0, record.headers.length), record.headers)
          assert.deepEqual(
            ['topic', 'offset', 'error'].map((one) => letter?.header(`oncommit-dead-${one}`)),
            [topic, String(second.offset), second.broken.cause.name],
          )
        })
      }

      test(`${codec.name}: a tombstone is not broken`, async () => {
        const topic = await sent([bytesOf(null), good('b')])
        const { events } = await all(topic, codec, {})
        assert.deepEqual(
          events.map((event) => [event.payload?.toString() ?? null, event.broken]),
          [
            [null, undefined],
            ['b', undefined],
          ],
        )
      })
    }
  })
}

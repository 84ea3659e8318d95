import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Codec } from '../../src/core/codec.ts'
import { cloudEvents } from '../../src/codecs/cloudevents/index.ts'
import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import { BrokenRecordError, BrokerError, OptionError, Reject } from '../../src/core/errors.ts'
import type { ConsumeOptions } from '../../src/consumer/consume/options.ts'
import type { ReceivedEvent } from '../../src/consumer/received-event.ts'
import { Consuming, quick } from './consume/consuming.ts'
import { freshTopic, places } from './stream/places.ts'
import { eventually, Gate, MemoryLogger, numbers } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

const codec = cloudEvents()
/** Reads no record whose value is 2. */
const picky: Codec = {
  name: 'picky',
  encode: (event) => codec.encode(event),
  decode: (record, from) => {
    if (record.value?.toString() === '2') throw new Error('no')
    return codec.decode(record, from)
  },
}

const optionsOf = (topic: string): ConsumeOptions => {
  return { group: topic, deadLetter: {}, retry: { attempts: 1, ...quick } }
}

const about = (
  letter: ReceivedEvent | undefined,
  ...names: readonly string[]
): (string | undefined)[] => names.map((one) => letter?.header(`oncommit-dead-${one}`))

/** All that makes an event the same one. */
const known = ({ uuid, key, payload, timestamp, headers }: ReceivedEvent): string =>
  JSON.stringify([uuid, key, payload, timestamp, headers])

for (const [name, openPlace] of Object.entries(places)) {
  describe(`redrive on ${name}`, () => {
    let at: Consuming
    before(async () => {
      at = await Consuming.open(openPlace)
    })
    after(() => at[Symbol.asyncDispose]())

    /** A topic whose events are dead letters of the group of its name. */
    const deadTopic = async (texts: readonly string[]): Promise<string> => {
      const topic = await at.newTopic(texts, { partitions: 2 })
      await at.place.createTopic(`${topic}.${topic}.dead`, 2)
      const consumer = at.consume(
        topic,
        () => {
          throw new Reject('not yet')
        },
        optionsOf(topic),
      )
      await eventually(
        'all are dead',
        () => consumer.lag().length === 2 && consumer.lag().every(({ lag }) => lag === 0n),
      )
      assert.equal((await consumer.stop()).dead, texts.length)
      return topic
    }

    const letters = async (topic: string, count: number): Promise<ReceivedEvent[]> => {
      const events: ReceivedEvent[] = []
      const stream = at.bus().stream(`${topic}.${topic}.dead`, { group: `${topic}-letters` })
      for await (const event of stream) {
        if (events.push(event) < count) continue
        await event.ack()
        break
      }
      return events
    }

    test("gives all of them, wherever the group's own options let it begin", async () => {
      const topic = await deadTopic(numbers(5))
      const options = { ...optionsOf(topic), from: 'latest' } as const
      assert.equal((await at.bus().redrive(topic, options, () => {})).handled, 5)
    })

    test('gives each dead letter that is there to the handler once, as the event that it was, and ends', async () => {
      const topic = await deadTopic(numbers(20))
      const got: ReceivedEvent[] = []
      const { handled, dead } = await at
        .bus()
        .redrive(topic, optionsOf(topic), (event) => got.push(event))
      assert.deepEqual([handled, dead], [20, 0])
      assert.deepEqual(got.map((event) => event.text()).toSorted(), numbers(20).toSorted())
      for (const event of got) {
        assert.equal(event.topic, topic)
        assert.equal(event.key, event.text())
        assert.deepEqual(event.headers, [])
      }
      const from = new Set(got.map(({ partition, offset }) => `${partition}@${offset}`))
      assert.equal(from.size, 20)
      const again = await at
        .bus()
        .redrive(topic, optionsOf(topic), () => assert.fail('none is left'))
      assert.deepEqual([again.handled, again.dead], [0, 0])
      // The group itself has nothing to do again.
      await at.sender.send(topic, ['new'], (text) => text)
      assert.deepEqual(await at.next(topic, 1), ['new'])
    })

    test('what fails again is a dead letter again, behind those that were there, and says where it came from at first', async () => {
      const topic = await deadTopic(numbers(6))
      const earlier = await letters(topic, 6)
      const calls: string[] = []
      const { handled, dead } = await at.bus().redrive(topic, optionsOf(topic), (event) => {
        calls.push(event.text())
        if (event.text() === '3') throw new TypeError('still not')
      })
      assert.deepEqual([handled, dead], [5, 1])
      // It did not meet its own failures in the same run.
      assert.deepEqual(calls.toSorted(), numbers(6))
      const [letter] = await letters(topic, 1)
      const first = earlier.find((event) => event.text() === '3')
      const from = ['topic', 'partition', 'offset', 'timestamp', 'group']
      assert.deepEqual(about(letter, ...from), about(first, ...from))
      assert.equal(about(letter, 'topic')[0], topic)
      assert.deepEqual(about(letter, 'reason', 'error'), ['still not', 'TypeError'])
      assert.deepEqual(about(first, 'reason', 'error'), ['not yet', 'Reject'])
      assert.deepEqual(
        [letter?.key, letter?.payload, letter?.uuid],
        [first?.key, first?.payload, first?.uuid],
      )
      assert.equal(letter?.headers.length, first?.headers.length)
      const next = await at
        .bus()
        .redrive(topic, optionsOf(topic), (event) => calls.push(event.text()))
      assert.deepEqual([next.handled, calls.at(-1), calls.length], [1, '3', 7])
    })

    test('one that is stopped in the middle goes on where it was', async () => {
      const topic = await deadTopic(numbers(8))
      const gate = new Gate()
      const got: string[] = []
      const bus = at.bus()
      const options = { ...optionsOf(topic), concurrency: 1 }
      const stopped = bus.redrive(topic, options, async (event) => {
        got.push(event.text())
        if (got.length === 3) await gate.pass()
      })
      await gate.reached
      const unsubscribed = bus.unsubscribe(`${topic}.${topic}.dead`, topic)
      gate.open()
      await unsubscribed
      assert.equal((await stopped).handled, 3)
      await at.bus().redrive(topic, options, (event) => got.push(event.text()))
      assert.deepEqual(got.toSorted(), numbers(8))
    })

    test('a bus that is closed meanwhile gives nothing to the handler, and leaves nothing open', async () => {
      const topic = await deadTopic(numbers(3))
      const bus = at.bus({ broker: { ...at.place.broker, close: async () => {} } })
      const got: string[] = []
      const redriven = bus.redrive(topic, optionsOf(topic), (event) => got.push(event.text()))
      const refused = assert.rejects(redriven, { code: 'ONCOMMIT_STOPPED' })
      await bus.close()
      await refused
      assert.deepEqual(got, [])
    })

    test('two at once share the dead letters: each is handled once', async () => {
      const topic = await deadTopic(numbers(40))
      const got: string[] = []
      const runs = await Promise.all(
        [1, 2].map(async () =>
          at.bus().redrive(topic, optionsOf(topic), (event) => got.push(event.text())),
        ),
      )
      assert.equal(
        runs.reduce((sum, { handled }) => sum + handled, 0),
        40,
      )
      assert.deepEqual(got.toSorted(), numbers(40).toSorted())
    })

    test("takes its topic's and its group's alone from a topic that several share", async () => {
      const shared = freshTopic()
      await at.place.createTopic(shared, 1)
      const topics = [await at.newTopic(['a']), await at.newTopic(['b'])]
      const [one = '', other = ''] = topics
      await at.sender.send(shared, ['no dead letter'])
      for (const topic of topics) {
        for (const group of ['bill', 'ship']) {
          const consumer = at.bus().consume(topic, { group, deadLetter: { topic: shared } }, () => {
            throw new Reject('not yet')
          })
          await eventually('it is dead', () => consumer.counts().dead === 1)
          await consumer.stop()
        }
      }
      const got: string[] = []
      const redrive = async (topic: string, group: string): Promise<number> => {
        const options = { group, deadLetter: { topic: shared } }
        const { handled } = await at.bus().redrive(topic, options, (event) => {
          got.push(`${group} ${event.topic === topic ? event.text() : event.topic}`)
        })
        return handled
      }
      assert.equal(await redrive(one, 'bill'), 1)
      assert.equal(await redrive(other, 'bill'), 1)
      assert.equal(await redrive(other, 'ship'), 1)
      assert.equal(await redrive(one, 'bill'), 0)
      assert.deepEqual(got, ['bill a', 'bill b', 'ship b'])
    })

    test('republish puts them into their topic again, byte for byte, and each once', async () => {
      const topic = await deadTopic(numbers(6))
      const other = at.bus().stream(topic, { group: `${topic}-other` })
      const first: ReceivedEvent[] = []
      for await (const event of other) if (first.push(event) === 6) break
      assert.equal((await at.bus().republish(topic, { group: topic })).handled, 6)
      assert.equal((await at.bus().republish(topic, { group: topic })).handled, 0)
      assert.equal((await at.bus().redrive(topic, optionsOf(topic), () => {})).handled, 0)
      const again: ReceivedEvent[] = []
      const from = at.bus().stream(topic, { group: `${topic}-again` })
      for await (const event of from) if (again.push(event) === 12) break
      const twice = Map.groupBy(again, known)
      assert.equal(twice.size, 6)
      assert.deepEqual(
        [...twice.values()].map(({ length }) => length),
        [2, 2, 2, 2, 2, 2],
      )
      assert.deepEqual(new Set(first.map(known)), new Set(twice.keys()))
    })

    test('onBroken says what becomes of one that no codec reads', async () => {
      const topic = await deadTopic(numbers(4))
      const bus = at.bus({ codec: picky })
      const got: string[] = []
      const run = async (options: Partial<ConsumeOptions>) =>
        bus.redrive(topic, { ...optionsOf(topic), ...options }, (event) =>
          got.push(event.broken === undefined ? event.text() : `broken ${event.text()}`),
        )
      await assert.rejects(run({}), (error) => {
        assert.ok(error instanceof BrokenRecordError)
        return error.value?.toString() === '2'
      })
      assert.equal((await run({ onBroken: 'deadLetter' })).dead, 1)
      assert.deepEqual(got.toSorted(), ['0', '1', '3'])
      await run({ onBroken: 'deliver' })
      assert.deepEqual(got.slice(3), ['broken 2'])
    })
  })
}

test('republish ends with the first letter that the broker refuses, and those from there on stay', async () => {
  const broker = local({ partitions: 1 })
  await broker.createTopic('orders')
  await broker.createTopic('orders.bill.dead')
  await using sender = await Sender.open(broker)
  await sender.send('orders', numbers(4))
  const bus = new EventBus({ broker, logger: new MemoryLogger() })
  const options = { group: 'bill', deadLetter: {} }
  const consumer = bus.consume('orders', options, () => {
    throw new Reject('not yet')
  })
  await eventually('all are dead', () => consumer.counts().dead === 4)
  await consumer.stop()
  broker.refuse(({ value }) => value?.toString() === '2')
  await assert.rejects(
    bus.republish('orders', options),
    (error) => error instanceof BrokerError && error.kind === 'event-refused',
  )
  broker.refuse(null)
  assert.equal((await bus.republish('orders', options)).handled, 2)
  await assert.rejects(bus.republish('orders', { group: '' }), OptionError)
  await bus.close()
})

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { Backpressure } from '../../src/consumer/stream/backpressure.ts'
import type { EventStream } from '../../src/consumer/stream/event-stream.ts'
import { BackpressureError } from '../../src/core/errors.ts'
import { freshTopic, type Place, places } from './stream/places.ts'
import { eventually, Gate, Loop, MemoryLogger, numbers, take } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

const oneOfThree = (text: string): string => ['a', 'b', 'c'][Number(text) % 3] ?? ''

for (const [name, openPlace] of Object.entries(places)) {
  describe(`a slow reader on ${name}`, () => {
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
    const stream = (topic: string, backpressure: Backpressure = 'pause'): EventStream =>
      new EventBus({ broker: place.broker, logger }).stream(topic, {
        group: topic,
        backpressure,
        from: 'earliest',
      })

    /** A loop that stands at event 0, with 1 to 9 behind it. */
    async function standing(
      backpressure: Backpressure,
      key: (text: string) => string = () => 'k',
    ): Promise<{ topic: string; gate: Gate; loop: Loop }> {
      const topic = freshTopic()
      await place.createTopic(topic, 1)
      await sender.send(topic, ['0'])
      const gate = new Gate()
      const loop = new Loop(stream(topic, backpressure), async (event) => {
        if (event.text() === '0') await gate.pass()
      })
      await gate.reached
      await sender.send(topic, numbers(9, 1), key)
      return { topic, gate, loop }
    }

    /** What a new stream of the group begins with. */
    async function restOf(topic: string, count: number): Promise<string[]> {
      await sender.send(topic, ['end'])
      return take(stream(topic), count)
    }

    test("'drop' throws the newest away while full, and they count as handled once all before them are", async () => {
      const dropped: string[] = []
      const { topic, gate, loop } = await standing({
        strategy: 'drop',
        maxEvents: 3,
        onDrop: ({ value }) => dropped.push(String(value)),
      })
      await eventually('six are dropped', () => loop.stream.counts().dropped === 6)
      gate.open()
      await loop.handled(4)
      await sender.send(topic, ['10'])
      await loop.handled(5)
      await loop.end()
      assert.deepEqual(loop.got, [...numbers(4), '10'])
      assert.deepEqual(dropped, numbers(6, 4))
      assert.deepEqual(await restOf(topic, 1), ['end'])
    })

    test("'drop' commits nothing that was dropped behind an event that is not handled", async () => {
      const topic = freshTopic()
      await place.createTopic(topic, 1)
      await sender.send(topic, ['0'])
      const reading = stream(topic, { strategy: 'drop', maxEvents: 3 })
      const first = await reading.next()
      await sender.send(topic, numbers(9, 1))
      await eventually('six are dropped', () => reading.counts().dropped === 6)
      await first.value?.ack()
      await reading.return()
      assert.deepEqual(await restOf(topic, 10), [...numbers(9, 1), 'end'])
    })

    test("'drop': what was dropped behind the last handled event does not come again", async () => {
      const topic = freshTopic()
      await place.createTopic(topic, 1)
      await sender.send(topic, ['0'])
      const reading = stream(topic, { strategy: 'drop', maxEvents: 1 })
      await reading.next()
      await sender.send(topic, numbers(9, 1))
      await eventually('eight are dropped', () => reading.counts().dropped === 8)
      const second = await reading.next()
      assert.equal(second.value?.text(), '1')
      await second.value.ack()
      await reading.return()
      assert.deepEqual(await restOf(topic, 1), ['end'])
    })

    test("'latest' hands out the newest only, and what it replaced counts as handled", async () => {
      const replaced: string[] = []
      const { topic, gate, loop } = await standing({
        strategy: 'latest',
        onDrop: ({ value }) => replaced.push(String(value)),
      })
      await eventually('eight are replaced', () => loop.stream.counts().replaced === 8)
      gate.open()
      await loop.handled(2)
      await loop.end()
      assert.deepEqual([loop.got, replaced], [['0', '9'], numbers(8, 1)])
      assert.deepEqual(await restOf(topic, 1), ['end'])
    })

    test("'latest' by key hands out the newest of each key", async () => {
      const { topic, gate, loop } = await standing({ strategy: 'latest', by: 'key' }, oneOfThree)
      await eventually('six are replaced', () => loop.stream.counts().replaced === 6)
      gate.open()
      await loop.handled(4)
      await loop.end()
      assert.deepEqual(loop.got, ['0', '7', '8', '9'])
      assert.deepEqual(await restOf(topic, 1), ['end'])
    })

    test("'error' hands out what waits, then throws, and the group resumes at the first unhandled", async () => {
      const { topic, gate, loop } = await standing({ strategy: 'error', maxEvents: 3 })
      await eventually('all have arrived', () => (loop.stream.lag()[0]?.lag ?? 0n) >= 9n)
      gate.open()
      await assert.rejects(loop.ended, (error) => {
        assert.ok(error instanceof BackpressureError)
        return error.topic === topic && error.partition === 0
      })
      assert.deepEqual(loop.got, numbers(4))
      assert.deepEqual(await restOf(topic, 7), [...numbers(6, 4), 'end'])
    })

    for (const backpressure of ['pause', 'buffer', 'MISSING', 'BUFFER'] as const) {
      test(`'${backpressure}' gives nothing up, and commits only what is handled`, async () => {
        const { topic, gate, loop } = await standing(backpressure)
        await eventually('all have arrived', () => (loop.stream.lag()[0]?.lag ?? 0n) >= 9n)
        gate.open()
        await loop.handled(10)
        await loop.end()
        assert.deepEqual(loop.got, numbers(10))
        assert.deepEqual(await restOf(topic, 1), ['end'])
      })
    }

    test("'drop' and 'latest' begin with what comes from now on in a new group", async () => {
      for (const backpressure of ['drop', 'LATEST'] as const) {
        const topic = freshTopic()
        await place.createTopic(topic, 1)
        await sender.send(topic, numbers(5))
        const bus = new EventBus({ broker: place.broker, logger })
        const loop = new Loop(bus.stream(topic, { group: topic, backpressure }))
        await loop.running()
        await sender.send(topic, ['new'])
        await loop.handled(1)
        await loop.end()
        assert.deepEqual(loop.got, ['new'])
      }
    })
  })
}

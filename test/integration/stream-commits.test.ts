import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { StreamOptions } from '../../src/consumer/stream/options.ts'
import { Consuming } from './consume/consuming.ts'
import { places } from './stream/places.ts'
import { eventually, Loop, numbers, take } from './stream/reading.ts'

for (const [name, openPlace] of Object.entries(places)) {
  describe(`when a stream commits, on ${name}`, () => {
    let at: Consuming
    before(async () => {
      at = await Consuming.open(openPlace)
    })
    after(() => at[Symbol.asyncDispose]())

    const newTopic = async (count: number, partitions = 1): Promise<string> =>
      at.newTopic(numbers(count), { partitions, key: (text) => text })
    const loop = (topic: string, options: StreamOptions, handle?: (text: string) => void): Loop =>
      new Loop(at.bus().stream(topic, { group: topic, ...options }), (event) =>
        handle?.(event.text()),
      )
    const marks = (topic: string): readonly bigint[] =>
      at.committedOf(topic).map(({ offset }) => offset)

    test("'auto' does not before its interval is over, and does when it ends", async () => {
      const topic = await newTopic(10)
      const reading = loop(topic, { commitInterval: 600_000 })
      await reading.handled(10)
      await eventually('the last is handled', () => reading.stream.lag()[0]?.lag === 0n)
      assert.deepEqual(marks(topic), [])
      await reading.end()
      assert.equal(marks(topic).length, 1)
      await at.sender.send(topic, ['new'])
      assert.deepEqual(await at.next(topic, 1), ['new'])
    })

    test("'auto' does at a revocation, whatever its interval: nothing comes again", async () => {
      const topic = await newTopic(40, 2)
      const options = { commitInterval: 600_000 }
      const first = loop(topic, options)
      await first.handled(40)
      const second = loop(topic, options)
      await eventually('they share', () =>
        [first, second].every(({ stream }) => stream.lag().length === 1),
      )
      assert.ok(marks(topic).length > 0)
      await first.end()
      await at.sender.send(topic, numbers(10, 40), (text) => text)
      await second.handled(10)
      await second.end()
      assert.deepEqual([...first.got, ...second.got].toSorted(), numbers(50).toSorted())
    })

    test("'auto' with an interval of 0 does as fast as the broker answers", async () => {
      const topic = await newTopic(3)
      const reading = loop(topic, { commitInterval: 0 })
      await reading.handled(3)
      await eventually('all are committed', () => {
        const [own] = reading.stream.lag()
        return own?.lag === 0n && marks(topic).at(-1) === own.mark
      })
      await reading.end()
    })

    test("'message' does before the next event is handed out: each one", async () => {
      const topic = await newTopic(10)
      const seen: (bigint | undefined)[] = []
      const reading = loop(topic, { commit: 'message' }, () => void seen.push(marks(topic).at(-1)))
      await reading.handled(10)
      await reading.end()
      assert.deepEqual(seen.slice(1), numbers(9, 1).map(BigInt))
    })

    test("'batch' does behind each page and not within it", async () => {
      const topic = await newTopic(10)
      await at.sender.send(topic, numbers(10, 10))
      const reading = loop(topic, { commit: 'batch' })
      await reading.handled(20)
      await eventually('the lag is 0', () => reading.stream.lag()[0]?.lag === 0n)
      await reading.end()
      // However many pages these were: two at most.
      assert.ok(marks(topic).length >= 1 && marks(topic).length <= 3, String(marks(topic)))
    })

    test('without a group nothing is committed', async () => {
      const topic = await newTopic(5)
      const earlier = at.commitCount
      assert.deepEqual(await take(at.bus().stream(topic, { from: 'earliest' }), 5), numbers(5))
      assert.equal(at.commitCount, earlier)
    })
  })
}

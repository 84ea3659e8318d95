import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import type { ConsumeOptions } from '../../src/consumer/consume/options.ts'
import { OffsetLostError } from '../../src/core/errors.ts'
import { Consuming, handled, state } from './consume/consuming.ts'
import { freshTopic, places } from './stream/places.ts'
import { eventually, Gate, numbers } from './stream/reading.ts'

for (const [name, openPlace] of Object.entries(places)) {
  describe(`where a consumer begins and what it reads on ${name}`, () => {
    let at: Consuming
    before(async () => {
      at = await Consuming.open(openPlace)
    })
    after(() => at[Symbol.asyncDispose]())

    /** What so many events are that it gets, and no others before it stops. */
    const all = async (
      topic: string,
      count: number,
      options: Partial<ConsumeOptions> = {},
    ): Promise<readonly string[]> => {
      const got: string[] = []
      const consumer = at.consume(topic, (event) => got.push(event.text()), options)
      await handled(got, count)
      await consumer.stop()
      return got
    }

    test('a new group begins at the first record, and an old one behind what it has handled', async () => {
      const topic = await at.newTopic(numbers(5), { key: () => 'k' })
      assert.deepEqual(await all(topic, 5), numbers(5))
      for (const [n, from] of ['earliest', 'latest', { [topic]: { 0: 0n } }].entries()) {
        await at.sender.send(topic, [`new ${n}`])
        assert.deepEqual(await all(topic, 1, { from } as ConsumeOptions), [`new ${n}`])
      }
      assert.equal((await all(topic, 8, { group: `${topic}-2` })).length, 8)
    })

    test("from: 'latest', a time, offsets", async () => {
      const topic = await at.newTopic(numbers(3), { key: () => 'k' })
      for (const sent = Date.now(); Date.now() <= sent + 1; await turn());
      const between = new Date()
      for (; Date.now() <= between.getTime() + 1; await turn());
      await at.sender.send(topic, numbers(3, 3))
      const group = `${topic}-2`
      assert.deepEqual(await all(topic, 3, { group, from: between }), numbers(3, 3))
      const list = [{ topic, partition: 0, offset: 1n }]
      for (const [n, from] of [list, { [topic]: { 0: 1n } }].entries())
        assert.deepEqual((await all(topic, 5, { group: `${topic}-at-${n}`, from }))[0], '1')
      const got: string[] = []
      const latest = at.consume(topic, (event) => got.push(event.text()), { from: 'latest' })
      await state(latest, 'running')
      await at.sender.send(topic, ['new'])
      await handled(got, 1)
      await latest.stop()
      assert.deepEqual(got, ['new'])
    })

    test('seek begins there whatever was committed, and commits from there on', async () => {
      const topic = await at.newTopic(numbers(5), { key: () => 'k' })
      assert.deepEqual(await all(topic, 5), numbers(5))
      const seek = { from: 'earliest', seek: true } as const
      assert.deepEqual(await all(topic, 5, seek), numbers(5))
      assert.deepEqual(await all(topic, 2, { from: { [topic]: { 0: 3n } }, seek: true }), [
        '3',
        '4',
      ])
      const gate = new Gate()
      const held = at.consume(topic, (event) => (event.text() === '2' ? gate.pass() : null), seek)
      await gate.reached
      await held.stop({ timeout: 0 })
      assert.deepEqual(await all(topic, 3), numbers(3, 2))
    })

    test('a position that the topic does not have ends it, and closed says which', async () => {
      const topic = await at.newTopic(numbers(2))
      const consumer = at.consume(topic, () => {}, { from: { [topic]: { 0: 500n } } })
      await assert.rejects(
        consumer.closed,
        (error) =>
          error instanceof OffsetLostError && error.topic === topic && error.offset === 500n,
      )
      assert.equal((await consumer.stop()).handled, 0)
      assert.equal(consumer.health().state, 'stopped')
    })

    test('one consumer reads several topics, each key of each topic by itself', async () => {
      const topics = [
        await at.newTopic(numbers(10), { key: () => 'k' }),
        await at.newTopic(numbers(10), { key: () => 'k', partitions: 2 }),
      ]
      const got: string[] = []
      const gate = new Gate()
      const bus = at.bus()
      const group = topics[0] ?? ''
      const consumer = bus.consume(topics, { group }, async (event) => {
        if (event.topic === group && event.text() === '0') await gate.pass()
        got.push(`${event.topic} ${event.text()}`)
      })
      const of = (topic = ''): string[] => got.filter((one) => one.startsWith(topic))
      await handled(got, 10)
      assert.deepEqual(of(topics[0]), [])
      gate.open()
      await handled(got, 20)
      for (const topic of topics)
        assert.deepEqual(
          of(topic),
          numbers(10).map((text) => `${topic} ${text}`),
        )
      assert.deepEqual(
        topics.map((topic) => bus.listSubscribers(topic)),
        [[group], [group]],
      )
      await bus.unsubscribe(topics[1] ?? '', group)
      await consumer.closed
      assert.deepEqual(
        topics.map((topic) => bus.listSubscribers(topic)),
        [[], []],
      )
    })

    test('a topic that is unknown is waited for, with a warning', async () => {
      const topic = freshTopic()
      const got: string[] = []
      const consumer = at.consume(topic, (event) => got.push(event.text()), { from: 'latest' })
      await eventually('there is a warning', () =>
        at.logger.at('warn').some((line) => line.includes(topic)),
      )
      await at.place.createTopic(topic, 2)
      await at.sender.send(topic, numbers(5), (text) => text)
      await handled(got, 5)
      await state(consumer, 'running')
      await consumer.stop()
      assert.deepEqual(got.toSorted(), numbers(5))
    })

    test('unsubscribe: the first gets nothing more, and the second of the group misses nothing', async () => {
      const topic = await at.newTopic(numbers(5), { key: () => 'k' })
      const bus = at.bus()
      const [first, second]: string[][] = [[], []]
      const begin = (got: string[] = []) =>
        bus.consume(topic, { group: topic }, (event) => got.push(event.text()))
      begin(first)
      await handled(first ?? [], 5)
      await bus.unsubscribe(topic, 'another')
      assert.deepEqual(bus.listSubscribers(topic), [topic])
      await bus.unsubscribe(topic, topic)
      assert.deepEqual(bus.listSubscribers(topic), [])
      await bus.unsubscribe(topic, topic)
      await at.sender.send(topic, numbers(5, 5))
      const resumed = begin(second)
      await handled(second ?? [], 5)
      await resumed.stop()
      assert.deepEqual([first, second], [numbers(5), numbers(5, 5)])
    })
  })
}

import assert from 'node:assert/strict'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import { Reject } from '../../src/core/errors.ts'
import { caughtUp, Consuming, handled, quick, state } from './consume/consuming.ts'
import { places } from './stream/places.ts'
import { Gate, numbers } from './stream/reading.ts'

for (const [name, openPlace] of Object.entries(places)) {
  describe(`calls of a handler on ${name}`, () => {
    let at: Consuming
    before(async () => {
      at = await Consuming.open(openPlace)
    })
    after(() => at[Symbol.asyncDispose]())

    for (const concurrency of [1, 5])
      test(`concurrency ${concurrency} is the most at once, over all partitions and retries`, async () => {
        const topic = await at.newTopic(numbers(120), { partitions: 4 })
        let running = 0
        let most = 0
        const consumer = at.consume(
          topic,
          async () => {
            most = Math.max(most, ++running)
            await turn()
            running -= 1
            if (Math.random() < 0.2) throw new Error('now and then')
          },
          { concurrency, retry: { attempts: 1_000, ...quick } },
        )
        await caughtUp(consumer)
        assert.equal((await consumer.stop()).handled, 120)
        assert.equal(most, concurrency)
      })

    test('one at a time of a key, however many of others are between, and of no key all at once', async () => {
      const topic = await at.newTopic(numbers(40), {
        key: (text) => (Number(text) % 2 === 0 ? null : 'k'),
      })
      const gate = new Gate()
      const started: string[] = []
      const consumer = at.consume(
        topic,
        async (event) => {
          started.push(event.text())
          await gate.pass()
        },
        { concurrency: 64 },
      )
      // All without a key, and the first of the key.
      await handled(started, 21)
      for (let n = 0; n < 20; n++) await turn()
      assert.deepEqual(
        started.filter((text) => Number(text) % 2 === 1),
        ['1'],
      )
      assert.equal(started.length, 21)
      gate.open()
      await caughtUp(consumer)
      assert.equal((await consumer.stop()).handled, 40)
      assert.deepEqual(
        started.filter((text) => Number(text) % 2 === 1),
        numbers(40).filter((text) => Number(text) % 2 === 1),
      )
    })

    test('whatever it throws, at once or later, the event is not handled: attempts count up', async () => {
      const thrown = [undefined, null, '', 'text', 0, { a: 1 }, new Error('an error')]
      const topic = await at.newTopic(numbers(thrown.length * 2))
      const attempts = new Map<string, number[]>()
      const consumer = at.consume(topic, (event, { attempt }) => {
        const earlier = attempts.get(event.text()) ?? []
        attempts.set(event.text(), [...earlier, attempt])
        if (earlier.length === 2) return null
        const what = thrown[Number(event.text()) % thrown.length]
        if (Number(event.text()) < thrown.length) throw what
        return Promise.reject(what)
      })
      await caughtUp(consumer)
      const result = await consumer.stop()
      assert.equal(result.handled, thrown.length * 2)
      for (const all of attempts.values()) assert.deepEqual(all, [1, 2, 3])
    })

    test('Reject without deadLetter blocks at once, and is never skipped', async () => {
      const topic = await at.newTopic(numbers(3))
      const got: string[] = []
      const consumer = at.consume(topic, (event) => {
        if (event.text() === '1') throw new Reject('of no use')
        got.push(event.text())
      })
      await state(consumer, 'blocked')
      await handled(got, 2)
      const { event } = consumer.health()
      assert.deepEqual([event?.offset, event?.reason], [1n, 'of no use'])
      assert.equal(consumer.lag()[0]?.mark, 1n)
      const { handled: count, dead } = await consumer.stop()
      assert.deepEqual([count, dead], [2, 0])
      assert.deepEqual(await at.next(topic, 1), ['1'])
    })

    test('an event that takes longer than the session stays with its member, and is handled once', async () => {
      const { sessionTimeout } = at.place
      const topic = await at.newTopic(numbers(2))
      const got: string[] = []
      const consumer = at.consume(
        topic,
        async (event) => {
          if (event.text() === '0') await sleep(sessionTimeout * 1.2)
          got.push(event.text())
        },
        { sessionTimeout },
      )
      await caughtUp(consumer)
      await consumer.stop()
      assert.deepEqual(got, ['1', '0'])
      assert.ok(
        at
          .committedOf(topic)
          .every(({ generation }) => generation === at.committedOf(topic)[0]?.generation),
      )
    })
  })
}

import assert from 'node:assert/strict'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import type { Consumer } from '../../src/consumer/consume/consumer.ts'
import { caughtUp, Consuming, handled, state } from './consume/consuming.ts'
import { groupPlaces } from './stream/places.ts'
import { eventually, Gate, numbers } from './stream/reading.ts'

const keyOf = (text: string): string => `k${Number(text) % 60}`

for (const [name, openPlace] of Object.entries(groupPlaces)) {
  describe(`consumers of a group on ${name}`, () => {
    let at: Consuming
    before(async () => {
      at = await Consuming.open(openPlace)
    })
    after(() => at[Symbol.asyncDispose]())

    test('a pause is kept through a rebalance', async () => {
      const topic = await at.newTopic([], { partitions: 4 })
      const ofFirst: string[] = []
      const ofSecond: string[] = []
      const first = at.consume(topic, (event) => ofFirst.push(event.text()))
      await state(first, 'running')
      first.pause()
      const second = at.consume(topic, (event) => ofSecond.push(event.text()))
      await eventually('both have partitions', () =>
        [first, second].every((one) => one.lag().length === 2),
      )
      await at.sender.send(topic, numbers(40), (text) => text)
      await caughtUp(second)
      assert.equal(first.health().state, 'paused')
      await second.stop()
      await eventually('the first has all', () => first.lag().length === 4)
      await state(first, 'paused')
      assert.deepEqual(ofFirst, [])
      first.resume()
      await handled(ofFirst, 40 - ofSecond.length)
      await first.stop()
      assert.deepEqual([...ofFirst, ...ofSecond].toSorted(), numbers(40).toSorted())
    })

    test('who joins and leaves under load with 64 handlers side by side: nothing twice, nothing lost, in order per key', async () => {
      const topic = await at.newTopic([], { partitions: 6 })
      const got: string[] = []
      const members: { readonly consumer: Consumer; count: number }[] = []
      const join = (): void => {
        const member = {
          count: 0,
          consumer: at.consume(
            topic,
            async (event) => {
              await sleep(Math.random() * 8)
              if (Math.random() < 0.05) throw new Error('now and then')
              got.push(event.text())
              member.count += 1
            },
            { concurrency: 64, commitInterval: 600_000 },
          ),
        }
        members.push(member)
      }
      let sent = 0
      for (const change of ['+', '+', '-', '+', '-']) {
        if (change === '+') join()
        else await members.shift()?.consumer.stop()
        const ofNewest = (): number => members.at(-1)?.count ?? 0
        for (const aim = ofNewest() + 40; ofNewest() < aim; await turn()) {
          if (sent - got.length > 400) continue
          await at.sender.send(topic, numbers(60, sent), keyOf)
          sent += 60
        }
      }
      await handled(got, sent)
      for (const { consumer } of members) await consumer.stop()
      assert.deepEqual(got.length, sent)
      for (const [key, texts] of Map.groupBy(got, keyOf))
        assert.deepEqual(
          texts,
          numbers(sent).filter((text) => keyOf(text) === key),
        )
    })

    test('an event that takes longer than the drain comes again once, and its late end moves no mark', async () => {
      // Of two partitions one goes to who joins, whoever gives them away.
      const topic = await at.newTopic(numbers(3), { key: () => 'k', partitions: 2 })
      const gate = new Gate()
      const options = { drainTimeout: 50, commitInterval: 10 }
      const done: string[] = []
      let isFirst = true
      let signal: AbortSignal | undefined
      const first = at.consume(
        topic,
        async (event, context) => {
          if (event.text() === '1' && isFirst) {
            isFirst = false
            ;({ signal } = context)
            await gate.pass()
            done.push('late')
            return
          }
          done.push(event.text())
        },
        options,
      )
      await gate.reached
      const second = at.consume(topic, (event) => void done.push(event.text()), options)
      await eventually('it was given up', () =>
        at.logger.at('warn').some((line) => line.includes(topic)),
      )
      // Where the partition stays with the first, it does not run the event beside itself.
      assert.equal(signal?.aborted, true)
      await eventually(
        'another has it, or it waits',
        () => second.lag().length + first.lag().length > 0,
      )
      gate.open()
      await eventually('all are handled', () => done.includes('2'))
      await Promise.all([first.stop(), second.stop()])
      assert.deepEqual(done.toSorted(), ['0', '1', '2', 'late'])
      await at.sender.send(topic, ['3'])
      assert.deepEqual(await at.next(topic, 1), ['3'])
    })

    test('a member that was expelled marks nothing with what it finishes late, and goes on', async () => {
      const topic = await at.newTopic(numbers(6))
      const gate = new Gate()
      const signals: AbortSignal[] = []
      const got: string[] = []
      const running = new Set<string>()
      const beside: string[] = []
      const consumer = at.consume(
        topic,
        async (event, { signal }) => {
          const text = event.text()
          if (running.has(text)) beside.push(text)
          running.add(text)
          if (text !== '0' && signals.push(signal) <= 5) await gate.pass()
          running.delete(text)
          got.push(text)
        },
        { commitInterval: 10 },
      )
      await eventually(
        'five are in hand, and one is committed',
        () => signals.length === 5 && at.committedOf(topic).some(({ offset }) => offset === 1n),
      )
      await at.place.expel(topic)
      await eventually('it knows', () => signals.every((signal) => signal.aborted))
      await eventually('it is a member again', () => consumer.lag()[0]?.mark === 1n)
      gate.open()
      await handled(got, 11)
      await caughtUp(consumer)
      await consumer.stop()
      // Each of those in hand came again, once.
      assert.deepEqual(got.toSorted(), [...numbers(6), ...numbers(5, 1)].toSorted())
      assert.deepEqual(beside, [], 'none ran beside itself')
    })

    test('what a member finishes of a partition that is not its own any more moves no mark', async () => {
      const topic = await at.newTopic(numbers(40), { partitions: 2 })
      const options = {
        commitInterval: 10,
        drainTimeout: 0,
        concurrency: 2,
        order: 'partition',
      } as const
      const [mine, others] = [new Gate(), new Gate()]
      const held = new Map<number, AbortSignal>()
      let late = 0
      const first = at.consume(
        topic,
        async ({ partition }, { signal }) => {
          if (held.size === 2) return others.pass()
          held.set(partition, signal)
          await mine.pass()
          late += 1
        },
        options,
      )
      await eventually('both are in hand', () => held.size === 2)
      const second = at.consume(topic, () => others.pass(), options)
      await others.reached
      await eventually('both are given up', () =>
        [...held.values()].every((signal) => signal.aborted),
      )
      mine.open()
      await eventually('both are finished', () => late === 2)
      await first.stop({ timeout: 0 })
      await second.stop({ timeout: 0 })
      assert.deepEqual(
        at.committedOf(topic).filter(({ offset }) => offset > 0n),
        [],
      )
      assert.deepEqual((await at.next(topic, 40)).toSorted(), numbers(40).toSorted())
    })

    test('two consumers of a group on different topics both get theirs', async () => {
      const topics = [
        await at.newTopic(numbers(10), { partitions: 2 }),
        await at.newTopic(numbers(10, 10), { partitions: 2 }),
      ]
      const got: string[][] = [[], []]
      const consumers = topics.map((topic, n) =>
        at.consume(topic, (event) => got[n]?.push(event.text()), { group: topics[0]! }),
      )
      for (const texts of got) await handled(texts, 10)
      for (const consumer of consumers) await consumer.stop()
      assert.deepEqual(
        got.map((texts) => texts.toSorted()),
        [numbers(10), numbers(10, 10)],
      )
    })
  })
}

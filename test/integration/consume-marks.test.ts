import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import type { Mark } from '../../src/core/log.ts'
import { Reject } from '../../src/core/errors.ts'
import { Consuming, handled } from './consume/consuming.ts'
import { places } from './stream/places.ts'
import { eventually, numbers } from './stream/reading.ts'

const EVENTS = 600
const PARTITIONS = 3

/** What happened, in its order. */
type Step =
  | { readonly what: 'handled'; readonly partition: number; readonly offset: bigint }
  | { readonly what: 'commit'; readonly marks: readonly Mark[] }

/** Every record is in `steps` once at least: the offsets between are of no event's. */
function assertMarksAreTrue(steps: readonly Step[]): void {
  const open = Array.from({ length: PARTITIONS }, () => new Set<bigint>())
  const marks = Array.from({ length: PARTITIONS }, () => 0n)
  for (const step of steps) if (step.what === 'handled') open[step.partition]?.add(step.offset)
  for (const step of steps) {
    if (step.what === 'handled') {
      open[step.partition]?.delete(step.offset)
      continue
    }
    for (const { partition, offset } of step.marks) {
      const lowest = [...(open[partition] ?? [])].reduce<bigint | null>(
        (least, one) => (least === null || one < least ? one : least),
        null,
      )
      assert.ok(lowest === null || offset <= lowest, `${offset} is above ${lowest}, not handled`)
      assert.ok(offset >= (marks[partition] ?? 0n), `${offset} is below ${marks[partition]}`)
      marks[partition] = offset
    }
  }
}

for (const [name, openPlace] of Object.entries(places)) {
  describe(`the marks of a consumer on ${name}`, () => {
    let at: Consuming
    before(async () => {
      at = await Consuming.open(openPlace)
    })
    after(() => at[Symbol.asyncDispose]())

    /** In batches, so that Kafka has gaps: the ends of transactions. */
    const newTopic = async (key: (text: string) => string): Promise<string> => {
      const topic = await at.newTopic([], { partitions: PARTITIONS })
      for (let from = 0; from < EVENTS; from += 20)
        await at.sender.send(topic, numbers(20, from), key)
      return topic
    }

    for (const order of ['none', 'key'] as const) {
      test(`order '${order}': whatever the order of completion, no commit is above an event that is not handled, none is below an earlier one, and none is lost over restarts`, async () => {
        const topic = await newTopic((text) => `k${Number(text) % 40}`)
        const steps: Step[] = []
        at.watch((commit) => {
          if (commit.group === topic) steps.push({ what: 'commit', marks: commit.marks })
        })
        const got = new Set<string>()
        while (got.size < EVENTS) {
          let calls = 0
          const aim = randomInt(20, 200)
          const consumer = at.consume(
            topic,
            async (event, { signal }) => {
              calls += 1
              // Now and then one that holds the mark while others run far ahead of it.
              const delay = Math.random() < 0.03 ? 30 : Math.random() * 4
              if (delay > 2) await sleep(delay)
              else if (delay > 1) await turn()
              if (Math.random() < 0.05) throw new Error('now and then')
              if (signal.aborted) return
              steps.push({ what: 'handled', partition: event.partition, offset: event.offset })
              got.add(event.text())
            },
            { order, concurrency: 32, commitInterval: 1 },
          )
          await eventually('enough', () => calls >= aim || got.size === EVENTS)
          // Some in hand are abandoned: these come again.
          const { abandoned } = await consumer.stop({ timeout: randomInt(2) * 5_000 })
          assert.ok(abandoned <= 32)
        }
        assertMarksAreTrue(steps)
        assert.ok(steps.filter(({ what }) => what === 'commit').length > 5)
        assert.deepEqual(got, new Set(numbers(EVENTS)))
      })
    }

    test('dead letters and gaps do not hold the mark: it ends behind all, and nothing comes again', async () => {
      const topic = await newTopic((text) => text)
      await at.place.createTopic(`${topic}.${topic}.dead`, 1)
      const got: string[] = []
      const consumer = at.consume(
        topic,
        (event) => {
          if (Number(event.text()) % 100 === 50) throw new Reject('not this one')
          got.push(event.text())
        },
        { deadLetter: {} },
      )
      await handled(got, EVENTS - EVENTS / 100)
      await eventually('the lag is 0', () => consumer.lag().every(({ lag }) => lag === 0n))
      await consumer.stop()
      await at.sender.send(topic, ['last'])
      assert.deepEqual(await at.next(topic, 1), ['last'])
    })
  })
}

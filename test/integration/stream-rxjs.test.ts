import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, test } from 'node:test'
import { concatMap, from, groupBy, lastValueFrom, mergeMap, take as first, toArray } from 'rxjs'
import { EVENTS, mostAhead, type Use, withEvents } from './stream/ahead.ts'
import { eventually, Gate, numbers, take } from './stream/reading.ts'

const uses: Readonly<Record<string, Use>> = {
  'from(stream) with concatMap': async (stream, handle) => {
    await lastValueFrom(from(stream).pipe(concatMap(handle)), { defaultValue: null })
  },
  'from(stream) with mergeMap of 4': async (stream, handle) => {
    await lastValueFrom(from(stream).pipe(mergeMap(handle, 4)), { defaultValue: null })
  },
  'from(stream) with groupBy of the key': async (stream, handle) => {
    const byKey = groupBy(({ key }: { key: string | null }) => key)
    const handled = from(stream).pipe(
      byKey,
      mergeMap((one) => one.pipe(concatMap(handle as never))),
    )
    await lastValueFrom(handled, { defaultValue: null })
  },
}

describe('RxJS has no backpressure', () => {
  for (const [what, use] of Object.entries(uses)) {
    test(`${what}: nearly all events count as handled before they are`, async () => {
      const ahead = await mostAhead(use)
      assert.ok(ahead > EVENTS * 0.9, `${ahead} of ${EVENTS}`)
    })

    test(`${what}, with manual acks: none does`, async () => {
      assert.equal(await mostAhead(use, { ack: 'manual' }), 0)
    })
  }

  test('bare from(stream): a stop loses what was pushed into the pipe and is not handled', async () => {
    await withEvents(async (bus, sender) => {
      const stream = bus.stream('t', { group: 'g' })
      const gate = new Gate()
      const handled: string[] = []
      const subscription = from(stream)
        .pipe(
          concatMap(async (event) => {
            if (event.text() === '3') await gate.pass()
            handled.push(event.text())
          }),
        )
        .subscribe()
      await gate.reached
      await eventually('all count as handled', () => stream.lag()[0]?.lag === 0n)
      subscription.unsubscribe()
      await stream.close()
      assert.deepEqual(handled, numbers(3))
      await sender.send('t', ['new'])
      assert.deepEqual(await take(bus.stream('t', { group: 'g' }), 1), ['new'])
    })
  })

  test("ack: 'manual' and event.ack() at the end of the pipe: no stop loses anything", async () => {
    await withEvents(async (bus) => {
      const handled: string[] = []
      const seen = new Set<string>()
      let stops = 0
      for (; seen.size < EVENTS; stops++) {
        const stream = bus.stream('t', { group: 'g', ack: 'manual', drainTimeout: 0 })
        const aim = Math.min(EVENTS, seen.size + 17)
        const subscription = from(stream)
          .pipe(
            mergeMap(async (event) => {
              await turn()
              handled.push(event.text())
              seen.add(event.text())
              await event.ack()
            }, 3),
          )
          .subscribe()
        await eventually('some are handled', () => seen.size >= aim)
        subscription.unsubscribe()
        await stream.close()
      }
      assert.deepEqual(seen, new Set(numbers(EVENTS)))
      // At most those in the hands of the three came twice.
      assert.ok(handled.length <= EVENTS + 3 * stops, String(handled.length))
    })
  })

  test('take(n) with acks: the others come again, and the stream is ended by closing it', async () => {
    await withEvents(async (bus) => {
      const stream = bus.stream('t', { group: 'g', ack: 'manual', drainTimeout: 0 })
      const texts = from(stream).pipe(
        concatMap(async (event) => {
          await event.ack()
          return event.text()
        }),
        first(5),
        toArray(),
      )
      assert.deepEqual(await lastValueFrom(texts), numbers(5))
      // RxJS asks for one more, and hears of nothing until it comes.
      assert.notEqual(stream.health().state, 'stopped')
      await stream.close()
      assert.deepEqual(await take(bus.stream('t', { group: 'g' }), 1), ['5'])
    })
  })
})

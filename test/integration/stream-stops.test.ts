import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { EventStream } from '../../src/consumer/stream/event-stream.ts'
import { numbers } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

const STOPS = 1_000
const commits = ['auto', 'batch', 'message'] as const
const own = new Error('mine')

/** Each leaves the loop over an event, and says whether that event counts as handled. */
const ways: Readonly<
  Record<string, (event: { ack(): Promise<void> }, stream: EventStream) => Promise<boolean>>
> = {
  break: async () => Promise.resolve(false),
  throw: async () => {
    throw own
  },
  ack: async (event) => {
    await event.ack()
    return true
  },
  return: async (_, stream) => {
    await stream.return()
    return false
  },
}

test(`${STOPS} stops at random, in every way to stop, skip no event and repeat only the one in hand`, async () => {
  const broker = local({ partitions: 1 })
  await using sender = await Sender.open(broker)
  await using bus = new EventBus({ broker })
  let next = 0
  let sent = 0
  for (let stop = 0; stop < STOPS; stop++) {
    const commit = commits[randomInt(commits.length)] ?? 'auto'
    const [way, leave] = Object.entries(ways)[randomInt(4)] ?? ['', undefined]
    const last = next + randomInt(6)
    // A few at a time: a stream reads ahead, and what it reads it reads in vain.
    for (; sent <= last; sent += 10) await sender.send('t', numbers(10, sent))
    const stream = bus.stream('t', { group: 'g', commit })
    let isHandled = false
    try {
      for await (const event of stream) {
        assert.equal(event.text(), String(next), `after ${stop} stops, ${way} with ${commit}`)
        if (randomInt(3) === 0) await turn()
        if (next === last) {
          isHandled = (await leave?.(event, stream)) ?? false
          break
        }
        next += 1
      }
    } catch (error) {
      if (error !== own) throw error
    }
    if (isHandled) next += 1
  }
  assert.deepEqual(bus.listSubscribers('t'), [])
})

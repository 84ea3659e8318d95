import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { local } from '../../../src/brokers/local/index.ts'
import { EventBus } from '../../../src/bus/event-bus.ts'
import type { EventStream } from '../../../src/consumer/stream/event-stream.ts'
import type { StreamOptions } from '../../../src/consumer/stream/options.ts'
import type { ReceivedEvent } from '../../../src/consumer/received-event.ts'
import { MemoryLogger, numbers } from './reading.ts'
import { Sender } from './sender.ts'

export const EVENTS = 100
export type Handle = (event: ReceivedEvent) => Promise<void>
export type Use = (stream: EventStream, handle: Handle) => Promise<void>

/** A bus with so many events in one partition of topic `t`. */
export async function withEvents(
  work: (bus: EventBus, sender: Sender) => Promise<void>,
): Promise<void> {
  const broker = local({ partitions: 1 })
  await using sender = await Sender.open(broker)
  await sender.send('t', numbers(EVENTS))
  await using bus = new EventBus({ broker, logger: new MemoryLogger() })
  await work(bus, sender)
}

/** How many events counted as handled that were not, at most: the mark ahead of the lowest that is not. */
export async function mostAhead(use: Use, options: StreamOptions = {}): Promise<number> {
  let most = 0
  await withEvents(async (bus) => {
    const stream = bus.stream('t', { group: 'g', drainTimeout: 0, ...options })
    const open = new Set<number>()
    const done = new Set<number>()
    await use(stream, async (event) => {
      const offset = Number(event.offset)
      open.add(offset)
      for (let n = 0; n < 5; n++) {
        await turn()
        const mark = Number(stream.lag()[0]?.mark)
        most = Math.max(most, mark - Math.min(...open))
      }
      open.delete(offset)
      if (options.ack === 'manual') await event.ack()
      if (done.add(offset).size === EVENTS) void stream.close()
    })
    assert.equal(done.size, EVENTS)
  })
  return most
}

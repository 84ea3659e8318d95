import assert from 'node:assert/strict'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, test } from 'node:test'
import type { ReceivedEvent } from '../../src/consumer/received-event.ts'
import { StreamInUseError } from '../../src/core/errors.ts'
import { EVENTS, type Handle, mostAhead, type Use, withEvents } from './stream/ahead.ts'
import { numbers, take } from './stream/reading.ts'

const uses: Readonly<Record<string, readonly [ahead: number, use: Use]>> = {
  'for await': [
    0,
    async (stream, handle) => {
      for await (const event of stream) await handle(event)
    },
  ],
  'pipeline with an async function': [
    0,
    async (stream, handle) => {
      await pipeline(stream, async (events) => {
        for await (const event of events) await handle(event)
      })
    },
  ],
  'ReadableStream.from with pipeTo': [
    0,
    async (stream, handle) => {
      const { ReadableStream, WritableStream } = await import('node:stream/web')
      await ReadableStream.from(stream).pipeTo(new WritableStream({ write: handle }))
    },
  ],
  'Readable.from with for await': [
    1,
    async (stream, handle) => {
      const events = Readable.from(stream, { highWaterMark: 1 })
      for await (const event of events) await handle(event as ReceivedEvent)
    },
  ],
  'pages of 10 with handlers that nobody awaits': [
    9,
    async (stream, handle) => {
      let page: Promise<void>[] = []
      for await (const event of stream) {
        if (page.push(handle(event)) < 10) continue
        await Promise.all(page)
        page = []
      }
    },
  ],
  "a subscription without backpressure, as RxJS's from is": [
    EVENTS - 1,
    async (stream, handle) => {
      const handling: Promise<void>[] = []
      for (let n = 0; n < EVENTS; n++) {
        const { value } = await stream.next()
        if (value !== undefined) handling.push(handle(value))
      }
      await Promise.all(handling)
      await stream.close()
    },
  ],
}

describe('how far what counts as handled runs ahead of the handler', () => {
  for (const [what, [ahead, use]] of Object.entries(uses)) {
    test(`${what}: ${ahead}`, async () => {
      assert.equal(await mostAhead(use), ahead)
    })

    test(`${what}, with manual acks: 0`, async () => {
      assert.equal(await mostAhead(use, { ack: 'manual' }), 0)
    })
  }

  const prefetching: Readonly<Record<string, Use>> = {
    'Readable.map with concurrency 4': async (stream, handle) => {
      await Readable.from(stream).map(handle, { concurrency: 4 }).toArray()
    },
    'pipeline into a Writable': async (stream, handle) => {
      await pipeline(Readable.from(stream), writing(handle))
    },
  }
  for (const [what, use] of Object.entries(prefetching)) {
    test(`${what}: some, so that acks must be manual`, async () => {
      assert.ok((await mostAhead(use)) >= 3)
      assert.equal(await mostAhead(use, { ack: 'manual' }), 0)
    })
  }
})

function writing(handle: Handle): Writable {
  const write = async (event: ReceivedEvent, done: (error?: Error) => void): Promise<void> => {
    await handle(event)
    done()
  }
  return new Writable({
    objectMode: true,
    write: (event: ReceivedEvent, _, done) => void write(event, done),
  })
}

describe('stream.readable()', () => {
  test('holds one event, and only acks count: what was read ahead comes again', async () => {
    await withEvents(async (bus) => {
      const reading = bus.stream('t', { group: 'g' })
      const readable = reading.readable()
      assert.deepEqual([readable.readableHighWaterMark, readable.readableObjectMode], [1, true])
      const got: string[] = []
      for await (const event of readable as AsyncIterable<ReceivedEvent>) {
        got.push(event.text())
        await event.ack()
        if (got.length === 10) break
      }
      assert.deepEqual(got, numbers(10))
      // Destroyed, but nobody waits for that.
      await reading.close()
      assert.equal(reading.health().state, 'stopped')
      assert.deepEqual(await take(bus.stream('t', { group: 'g' }), 90), numbers(90, 10))
    })
  })

  test('an event without an ack comes again', async () => {
    await withEvents(async (bus) => {
      let count = 0
      for await (const _ of bus.stream('t', { group: 'g' }).readable()) if (++count === 5) break
      assert.deepEqual(await take(bus.stream('t', { group: 'g' }), 3), numbers(3))
    })
  })

  test('goes through a pipeline into a Writable, and ends with its stream', async () => {
    await withEvents(async (bus) => {
      const stream = bus.stream('t', { group: 'g' })
      const got: string[] = []
      const sink = writing(async (event) => {
        got.push(event.text())
        await event.ack()
        if (got.length === EVENTS) void stream.close()
      })
      await pipeline(stream.readable(), sink)
      assert.deepEqual(got, numbers(EVENTS))
    })
  })

  test('fails with what ends the stream', async () => {
    await withEvents(async (bus) => {
      const stream = bus.stream('t', {
        from: [{ topic: 't', partition: 0, offset: 1_000n }],
      })
      await assert.rejects(stream.readable().toArray(), { name: 'OffsetLostError' })
    })
  })

  test('is the one way to read the stream', async () => {
    await withEvents(async (bus) => {
      const stream = bus.stream('t', { group: 'g' })
      const readable = stream.readable()
      assert.throws(() => stream.readable(), StreamInUseError)
      assert.throws(() => stream[Symbol.asyncIterator](), StreamInUseError)
      readable.destroy()
      await stream.close()
    })
  })

  test('iterator helpers work: the last event of take(n) needs an ack', async () => {
    await withEvents(async (bus) => {
      const last: ReceivedEvent[] = []
      for (const isAcked of [false, true]) {
        for await (const event of Readable.from(
          bus.stream('t', { group: 'g', ack: 'manual' }),
        ).take(3)) {
          last.push(event as ReceivedEvent)
          if (isAcked) await (event as ReceivedEvent).ack()
        }
      }
      assert.deepEqual(
        last.map((event) => event.text()),
        [...numbers(3), ...numbers(3)],
      )
      assert.deepEqual(await take(bus.stream('t', { group: 'g' }), 1), ['3'])
    })
  })
})

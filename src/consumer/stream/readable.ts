import { Readable } from 'node:stream'
import type { ReceivedEvent } from '../received-event.ts'

/** The stream's events as a `Readable` of objects that holds one. Destroying it ends the stream. */
export function readableOf(events: AsyncIterableIterator<ReceivedEvent, undefined>): Readable {
  const readable = new Readable({
    objectMode: true,
    highWaterMark: 1,
    read: () => void push(readable, events),
    destroy: (error, done) => void end(events, error, done),
  })
  return readable
}

async function push(
  readable: Readable,
  events: AsyncIterator<ReceivedEvent, undefined>,
): Promise<void> {
  try {
    const { done, value } = await events.next()
    if (!readable.destroyed) readable.push(done === true ? null : value)
  } catch (error) {
    readable.destroy(error as Error)
  }
}

async function end(
  events: AsyncIterator<ReceivedEvent, undefined>,
  error: Error | null,
  done: (error: Error | null) => void,
): Promise<void> {
  await events.return?.()
  done(error)
}

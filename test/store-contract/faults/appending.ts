import { TransactionError } from '../../../src/core/errors.ts'
import type { OutboxEvent } from '../../../src/core/event.ts'
import { eventOf } from '../../../src/testing/outbox-store-contract/harness.ts'
import { delegate, type Fault, inEvents, inSessions, inStore } from '../faulty.ts'

/** A fault that shows in each event. */
function inEach(change: (event: OutboxEvent) => Partial<OutboxEvent>): Fault['harness'] {
  return inEvents((events) => events.map((event) => Object.assign({}, event, change(event))))
}

/** Of the caller's transaction, and of what is kept of an event. */
export const appendingFaults: readonly Fault[] = [
  {
    what: 'stores events in a transaction of its own',
    foundBy: [
      'an event exists when its transaction has committed, and not before',
      'nothing is left of an event whose transaction was rolled back',
    ],
    harness: (sound) => {
      const store = delegate(sound.store, {
        append: async (_tx, events) =>
          sound.transaction(async (tx) => sound.store.append(tx, events)),
      })
      return { ...sound, store }
    },
  },
  {
    what: 'stores the last event of a call first',
    foundBy: [
      'events keep the order in which they were sent',
      'thousands of events of one call keep their order',
    ],
    harness: inEvents((events) => events.toReversed()),
  },
  {
    what: 'stores up to a thousand events of a call',
    foundBy: ['thousands of events of one call keep their order'],
    harness: inEvents((events) => events.slice(0, 1_000)),
  },
  {
    what: 'stores an event where there is none',
    foundBy: ['a call without events adds none'],
    harness: inEvents((events) => (events.length > 0 ? events : [eventOf('none')])),
  },
  {
    what: 'loses events in silence',
    foundBy: [
      'migrating again leaves what is there',
      'a session that is opened later fetches what was sent before',
    ],
    harness: inEvents(() => []),
  },
  {
    what: 'swallows that there is no transaction',
    foundBy: ['what is no open transaction is refused, and nothing is written'],
    harness: inStore((store) => ({
      append: async (tx, events) =>
        store.append(tx, events).catch((error: unknown) => {
          if (!(error instanceof TransactionError)) throw error
        }),
    })),
  },
  {
    what: 'reads payloads as text',
    foundBy: [
      'payloads of any bytes come out as they went in',
      'payloads of 900 KiB come out as they went in',
    ],
    harness: inEach(({ payload }) => ({
      payload: payload === null ? null : Buffer.from(Buffer.from(payload).toString()),
    })),
  },
  {
    what: 'stores the buffer behind the bytes',
    foundBy: ['payloads of any bytes come out as they went in'],
    harness: inEach(({ payload }) => ({
      payload: payload === null ? null : new Uint8Array(payload.buffer),
    })),
  },
  {
    what: 'takes an empty payload for none',
    foundBy: ['a payload that is empty and one that is null come out as they went in'],
    harness: inEach(({ payload }) => ({ payload: payload?.byteLength === 0 ? null : payload })),
  },
  {
    what: 'takes an empty key for none',
    foundBy: ['keys that are null, empty, or not ASCII come out as they went in'],
    harness: inEach(({ key }) => ({ key: key === '' ? null : key })),
  },
  {
    what: 'normalises keys',
    foundBy: ['keys that are null, empty, or not ASCII come out as they went in'],
    harness: inEach(({ key }) => ({ key: key?.normalize() ?? null })),
  },
  {
    what: 'keeps headers as an object',
    foundBy: ['headers in their order, with duplicates and bytes come out as they went in'],
    harness: inEach(({ headers }) => ({ headers: Object.entries(Object.fromEntries(headers)) })),
  },
  {
    what: 'keeps names without case',
    foundBy: ['names and types of any characters come out as they went in'],
    harness: inEach(({ topic }) => ({ topic: topic.toLowerCase() })),
  },
  {
    what: 'keeps times to the second',
    foundBy: ['times, to the millisecond, come out as they went in'],
    harness: inEach(({ timestamp }) => ({
      timestamp: new Date(Math.floor(timestamp.getTime() / 1_000) * 1_000),
    })),
  },
  {
    what: 'spreads a key over lanes',
    foundBy: ['all events of a key travel on one lane, each on a lane that there is'],
    harness: inSessions(() => (session) => ({
      fetch: async (request) => {
        const { events, full } = await session.fetch(request)
        const spread = events.map((event) =>
          Object.assign({}, event, { lane: Number(event.id % 64n) }),
        )
        return { events: spread, full }
      },
    })),
  },
]

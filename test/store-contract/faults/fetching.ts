import type { FetchedBatch, FetchRequest, RelaySession } from '../../../src/core/outbox-store.ts'
import { type Fault, inSessions } from '../faulty.ts'

/** A fault of what is asked for. */
function inRequests(change: (request: FetchRequest) => Partial<FetchRequest>): Fault['harness'] {
  return inSessions(() => (session) => ({
    fetch: async (request) => session.fetch({ ...request, ...change(request) }),
  }))
}

/** A fault of what is given. */
function inBatches(
  change: (batch: FetchedBatch, request: FetchRequest) => Partial<FetchedBatch>,
): Fault['harness'] {
  return inSessions(() => (session) => ({
    fetch: async (request) => {
      const batch = await session.fetch(request)
      return { ...batch, ...change(batch, request) }
    },
  }))
}

/** Fetches only what is above the last id that it has fetched. */
function withCursor(session: RelaySession): Partial<RelaySession> {
  let last = 0n
  return {
    forgetPosition: () => {
      last = 0n
    },
    fetch: async (request) => {
      if (request.fromStart) last = 0n
      const { events, full } = await session.fetch({ ...request, fromStart: true })
      const above = events.filter(({ id }) => id > last)
      last = above.at(-1)?.id ?? last
      return { events: above, full }
    },
  }
}

const ALL_LANES: readonly number[] = Array.from({ length: 64 }, (_, lane) => lane)

/** Of `fetch`. */
export const fetchingFaults: readonly Fault[] = [
  {
    what: 'fetches nothing',
    foundBy: [
      'methods of a session may be called side by side',
      'a successor finds what its predecessor had in hand, and what it had blocked',
    ],
    harness: inBatches(() => ({ events: [] })),
  },
  {
    what: 'always says that there may be more',
    foundBy: [
      'fetches nothing where nothing was sent',
      'is not full where it fetched all and no limit was reached',
    ],
    harness: inBatches(() => ({ full: true })),
  },
  {
    what: 'never says that there may be more',
    foundBy: [
      'fetches up to a number of events, and says that there may be more',
      'fetches up to a number of bytes, and says that there may be more',
    ],
    harness: inBatches(() => ({ full: false })),
  },
  {
    what: 'has no limit of events',
    foundBy: ['fetches up to a number of events, and says that there may be more'],
    harness: inRequests(() => ({ maxEvents: 100_000 })),
  },
  {
    what: 'has no limit of bytes',
    foundBy: [
      'fetches up to a number of bytes, and says that there may be more',
      'fetches one event however large it is, and those behind it later',
    ],
    harness: inRequests(() => ({ maxBytes: 64 * 1024 * 1024 })),
  },
  {
    what: 'never fetches what is larger than the limit',
    foundBy: ['fetches one event however large it is, and those behind it later'],
    harness: inBatches(({ events }, { maxBytes }) => ({
      events: events.filter(({ size }) => size <= maxBytes),
    })),
  },
  {
    what: 'fetches again what is in hand',
    foundBy: [
      'does not fetch again what is in hand, from the first id on either',
      'loses, doubles and reorders nothing, in whatever order transactions begin and end',
    ],
    harness: inRequests(() => ({ inHand: [], fromStart: true })),
  },
  {
    what: 'counts what is in hand',
    foundBy: ['limits speak of what is fetched, not of what is in hand'],
    harness: inSessions(() => (session) => ({
      fetch: async (request) => {
        const { events, full } = await session.fetch({ ...request, inHand: [] })
        const isInHand = (id: bigint): boolean =>
          request.inHand.some(([first, last]) => id >= first && id <= last)
        return { events: events.filter(({ id }) => !isInHand(id)), full }
      },
    })),
  },
  {
    what: 'never looks from the first id on',
    foundBy: [
      'looks from the first id on when it is told to',
      'fetches the older events of a lane that was gained',
    ],
    harness: inRequests(() => ({ fromStart: false })),
  },
  {
    what: 'never forgets its position',
    foundBy: ['looks from the first id on once it has forgotten its position'],
    harness: inSessions(() => () => ({ forgetPosition: () => {} })),
  },
  {
    what: 'gives an event to the first session that fetches it',
    foundBy: ['a session that is opened later fetches what was sent before'],
    harness: inSessions(() => {
      const takers = new Map<bigint, RelaySession>()
      return (session) => ({
        fetch: async (request) => {
          const { events, full } = await session.fetch(request)
          for (const { id } of events) if (!takers.has(id)) takers.set(id, session)
          return { events: events.filter(({ id }) => takers.get(id) === session), full }
        },
      })
    }),
  },
  {
    what: 'fetches all lanes',
    foundBy: [
      'fetches nothing of no lanes',
      'fetches the events of the lanes that it is told, and of no other',
    ],
    harness: inRequests(() => ({ lanes: ALL_LANES })),
  },
  {
    what: 'fetches by the last id that it has seen',
    foundBy: [
      'fetches what commits late, before what its key has sent since',
      'fetches what commits late when younger ones are settled',
      'fetches what commits late, one event at a time, in order',
      'fetches all of a long transaction when it commits, whenever it sent them',
      'loses, doubles and reorders nothing, in whatever order transactions begin and end',
    ],
    harness: inSessions(() => withCursor),
  },
  {
    what: 'waits for open transactions',
    foundBy: [
      'an open transaction holds nobody else back, and its end without commit loses nothing',
    ],
    harness: (sound) => {
      let open = 0
      const faulty = inSessions(() => (session) => ({
        fetch: async (request) => (open > 0 ? { events: [], full: false } : session.fetch(request)),
      }))(sound)
      return {
        ...faulty,
        transaction: async (work) => {
          open++
          try {
            return await sound.transaction(work)
          } finally {
            open--
          }
        },
      }
    },
  },
  {
    what: 'numbers events anew each time',
    foundBy: ['ids are never given again, when all events before them are gone either'],
    harness: inBatches(({ events }) => ({
      events: events.map((event, at) => ({ ...event, id: BigInt(at + 1) })),
    })),
  },
]

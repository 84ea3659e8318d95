import type { ParkedEvents } from '../../../src/core/outbox-store.ts'
import { type Fault, inSessions } from '../faulty.ts'

/** A fault of what is parked. */
function inParked(
  change: (parked: readonly ParkedEvents[]) => readonly ParkedEvents[],
): Fault['harness'] {
  return inSessions(() => (session) => ({
    park: async (relayId, parked) => session.park(relayId, change(parked)),
  }))
}

/** Of parking, held events and unblocking. */
export const blockingFaults: readonly Fault[] = [
  {
    what: 'says that it parked what it did not',
    foundBy: [
      'parked events are held under what blocks them, in order, as they were sent',
      'parking more adds to the entry that is there',
      'what is not waiting is not parked',
      'who does not own the lane parks and unblocks nothing',
      'of several blocks, those on lanes of others are left alone',
      'a relay that was replaced decides nothing any more',
    ],
    harness: inSessions(() => () => ({
      park: async (_relayId, parked) => Promise.resolve(parked.flatMap(({ ids }) => ids)),
    })),
  },
  {
    what: 'records no block without events',
    foundBy: ['a block can be recorded without events'],
    harness: inParked((parked) => parked.filter(({ ids }) => ids.length > 0)),
  },
  {
    what: 'compares keys without case',
    foundBy: ['keys, keyless events, topics and lanes that are blocked are told apart'],
    harness: inParked((parked) =>
      parked.map((one) => ({
        ...one,
        scope: { ...one.scope, key: one.scope.key?.toLowerCase() ?? null },
      })),
    ),
  },
  {
    what: 'leaves events where they are held',
    foundBy: ['events that another entry holds are moved to what blocks them now'],
    harness: inSessions(() => {
      const held = new Set<bigint>()
      return (session) => ({
        park: async (relayId, parked) => {
          const fresh = parked.map((one) => ({
            ...one,
            ids: one.ids.filter((id) => !held.has(id)),
          }))
          const moved = await session.park(relayId, fresh)
          for (const id of moved) held.add(id)
          return moved
        },
      })
    }),
  },
  {
    what: 'parks the first of several blocks',
    foundBy: [
      'several blocks are parked at once, each under its own entry',
      'of several blocks, those on lanes of others are left alone',
    ],
    harness: inParked((parked) => parked.slice(0, 1)),
  },
  {
    what: 'has no limits of held events',
    foundBy: ['held events are fetched within limits, without those in hand'],
    harness: inSessions(() => (session) => ({
      fetchHeld: async (request) => session.fetchHeld({ ...request, maxBytes: 1_000_000 }),
    })),
  },
  {
    what: 'fetches again held events that are in hand',
    foundBy: ['held events are fetched within limits, without those in hand'],
    harness: inSessions(() => (session) => ({
      fetchHeld: async (request) => session.fetchHeld({ ...request, inHand: [] }),
    })),
  },
  {
    what: 'says that it unblocked what it did not',
    foundBy: [
      'an entry is removed once all that it held is published',
      'who does not own the lane parks and unblocks nothing',
      'a relay that was replaced decides nothing any more',
    ],
    harness: inSessions(() => () => ({ unblock: async (_, ids) => Promise.resolve(ids) })),
  },
  {
    what: 'unblocks nothing',
    foundBy: ['an entry is removed once all that it held is published'],
    harness: inSessions(() => () => ({ unblock: async () => Promise.resolve([]) })),
  },
  {
    what: 'gives the blocks of all lanes',
    foundBy: ['what is blocked is given for the lanes that are asked for, to everyone'],
    harness: inSessions(() => (session) => ({
      blocked: async () => session.blocked(Array.from({ length: 64 }, (_, lane) => lane)),
    })),
  },
]

import type { RefusedEvent } from '../../../src/core/refusals.ts'
import { type Fault, inSessions } from '../faulty.ts'

/** A fault of what is recorded of refusals. */
function inRefused(
  change: (refused: readonly RefusedEvent[]) => readonly RefusedEvent[],
): Fault['harness'] {
  return inSessions(() => (session) => ({
    refuse: async (relayId, refused) => session.refuse(relayId, change(refused)),
  }))
}

/** Of refusing, looking at what is due, and draining. */
export const refusingFaults: readonly Fault[] = [
  {
    what: 'blocks what is dead',
    foundBy: [
      'a dead event waits nowhere any more, and its key is due to be drained',
      'an event without a key holds itself only, and dead leaves no entry behind',
    ],
    harness: inRefused((refused) =>
      refused.map((one) =>
        one.next.state === 'dead' ? { ...one, next: { state: 'blocked' } } : one,
      ),
    ),
  },
  {
    what: 'tries again at once',
    foundBy: [
      'a refused event heads its key, is held by it, and is tried again when its time has come',
    ],
    harness: inRefused((refused) =>
      refused.map((one) =>
        one.next.state === 'retrying' ? { ...one, next: { state: 'retrying', afterMs: 0 } } : one,
      ),
    ),
  },
  {
    what: 'counts no attempts',
    foundBy: [
      'a refused event heads its key, is held by it, and is tried again when its time has come',
      'a refusal that is recorded twice counts once',
    ],
    harness: inRefused((refused) => refused.map((one) => ({ ...one, attempts: 1 }))),
  },
  {
    what: 'has each event of a key block by itself',
    foundBy: [
      'a key has one entry: later events are parked under it, and a later head is its head',
    ],
    harness: inRefused((refused) =>
      refused.map((one) => ({ ...one, scope: { ...one.scope, key: null } })),
    ),
  },
  {
    what: 'says that it recorded what it did not',
    foundBy: [
      'an event that was delivered is not refused any more',
      'who does not own the lane refuses and drains nothing',
      'a relay that was replaced decides nothing any more',
    ],
    harness: inSessions(() => () => ({
      refuse: async (_relayId, refused) =>
        Promise.resolve(refused.map(({ scope }) => scope.eventId)),
    })),
  },
  {
    what: 'finds nothing due',
    foundBy: [
      'a refused event heads its key, is held by it, and is tried again when its time has come',
      'what is due comes longest due first, for these lanes, without those topics, so many',
    ],
    harness: inSessions(() => () => ({ due: async () => Promise.resolve([]) })),
  },
  {
    what: 'gives all that is due, whatever was asked for',
    foundBy: [
      'what is due comes longest due first, for these lanes, without those topics, so many',
    ],
    harness: inSessions(() => (session) => ({
      due: async ({ lanes }) => session.due({ lanes, exceptTopics: [], limit: 1_000 }),
    })),
  },
  {
    what: 'goes on to call due what drains',
    foundBy: ['what begins to drain is not due any more, and goes on to drain'],
    harness: inSessions(() => () => ({ drain: async (_, ids) => Promise.resolve(ids) })),
  },
]

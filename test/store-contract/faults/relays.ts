import type { RelayView } from '../../../src/core/outbox-store.ts'
import { type Fault, inSessions } from '../faulty.ts'

const FOREVER_MS = 3_600_000

/** Of heartbeats, claims, fencing and burying. */
export const relayFaults: readonly Fault[] = [
  {
    what: 'shows a relay nobody but itself',
    foundBy: ['a heartbeat shows the relays, the lanes that are free and those that it owns'],
    harness: inSessions(() => (session) => ({
      tick: async (relayId, ttlMs, claim) =>
        session.tick(relayId, ttlMs, (view) =>
          claim({ ...view, relays: view.relays.filter(({ id }) => id === relayId) }),
        ),
    })),
  },
  {
    what: 'answers a heartbeat with what was before it',
    foundBy: ['a heartbeat answers with what the relay owns after it'],
    harness: inSessions(() => (session) => ({
      tick: async (relayId, ttlMs, claim) => {
        let before: RelayView | undefined
        const tick = await session.tick(relayId, ttlMs, (view) => {
          before = view
          return claim(view)
        })
        return tick.state === 'fenced' ? tick : { ...tick, ...before }
      },
    })),
  },
  {
    what: 'gives every lane that is claimed',
    foundBy: [
      'lanes that another relay has are left out of a claim',
      'a lane never has two owners, however many claim it at once',
    ],
    harness: inSessions(() => (session) => ({
      tick: async (relayId, ttlMs, claim) => {
        let chosen: readonly number[] = []
        const tick = await session.tick(relayId, ttlMs, (view) => (chosen = claim(view)))
        if (tick.state === 'fenced') return tick
        return { ...tick, owned: [...new Set([...tick.owned, ...chosen])] }
      },
    })),
  },
  {
    what: 'releases nothing',
    foundBy: ['lanes that are released are free, and no others'],
    harness: inSessions(() => () => ({ release: async () => {} })),
  },
  {
    what: 'releases more than it was told to',
    foundBy: ['lanes that are released are free, and no others'],
    harness: inSessions(() => (session) => ({
      release: async (relayId) =>
        session.release(
          relayId,
          Array.from({ length: 64 }, (_, lane) => lane),
        ),
    })),
  },
  {
    what: 'sees everyone alive',
    foundBy: [
      'a relay whose time has run out is seen as expired, until its next heartbeat',
      'marking a relay fenced whose time has run out gives its fence, each time',
    ],
    harness: inSessions(() => (session) => ({
      tick: async (relayId, ttlMs, claim) =>
        session.tick(relayId, ttlMs, (view) =>
          claim({
            ...view,
            relays: view.relays.map((relay) => ({ ...relay, state: 'live' as const })),
          }),
        ),
    })),
  },
  {
    what: 'lets relays live as long as they like',
    foundBy: ['a relay lives as long as it was told, from its enrolment and from each heartbeat'],
    harness: inSessions(() => (session) => ({
      tick: async (relayId, _ttlMs, claim) => session.tick(relayId, FOREVER_MS, claim),
    })),
  },
  {
    what: 'lets a fenced relay go on',
    foundBy: ['a relay that was fenced learns it from its heartbeat, and claims nothing'],
    harness: inSessions(() => (session) => ({
      tick: async (relayId, ttlMs, claim) => {
        const tick = await session.tick(relayId, ttlMs, claim)
        return tick.state === 'live' ? tick : { state: 'live', owned: [], relays: [] }
      },
    })),
  },
  {
    what: 'claims although the claim throws',
    foundBy: ['a claim that throws claims nothing, and the next heartbeat works'],
    harness: inSessions(() => (session) => ({
      tick: async (relayId, ttlMs, claim) =>
        session.tick(relayId, ttlMs, (view) => {
          try {
            return claim(view)
          } catch {
            return view.free
          }
        }),
    })),
  },
  {
    what: 'fences relays that live',
    foundBy: [
      'nobody can fence a relay between its renewal and its claims',
      'a relay whose time has run out is seen as expired, until its next heartbeat',
      'a relay that lives, or that nobody knows, can not be marked fenced',
    ],
    harness: inSessions(() => (session) => ({
      markFenced: async (relayId) => session.markFenced(relayId, { resigning: true }),
    })),
  },
  {
    what: 'gives a fence once',
    foundBy: [
      'marking a relay fenced whose time has run out gives its fence, each time',
      'a relay may resign while it lives',
    ],
    harness: inSessions(() => {
      const given = new Set<string>()
      return (session) => ({
        markFenced: async (relayId, options) => {
          if (given.has(relayId)) return null
          const fence = await session.markFenced(relayId, options)
          if (fence !== null) given.add(relayId)
          return fence
        },
      })
    }),
  },
  {
    what: 'lets no relay resign',
    foundBy: ['a relay may resign while it lives'],
    harness: inSessions(() => (session) => ({
      markFenced: async (relayId) => session.markFenced(relayId),
    })),
  },
  {
    what: 'buries nobody',
    foundBy: ['burying a fenced relay frees its lanes and forgets it, more than once'],
    harness: inSessions(() => () => ({ bury: async () => {} })),
  },
  {
    what: 'buries relays that nobody has fenced',
    foundBy: ['a relay that nobody has fenced is not buried'],
    harness: inSessions(() => (session) => ({
      bury: async (relayId) => {
        await session.markFenced(relayId, { resigning: true })
        await session.bury(relayId)
      },
    })),
  },
]

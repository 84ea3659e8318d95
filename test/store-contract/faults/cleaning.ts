import type { Backlog, RelaySession } from '../../../src/core/outbox-store.ts'
import { type Fault, inSessions } from '../faulty.ts'

function inBacklog(change: (backlog: Backlog) => Partial<Backlog>): Fault['harness'] {
  return inSessions(() => (session) => ({
    backlog: async () => {
      const backlog = await session.backlog()
      return { ...backlog, ...change(backlog) }
    },
  }))
}

function inCleaning(
  change: (...options: Parameters<RelaySession['clean']>) => Parameters<RelaySession['clean']>,
): Fault['harness'] {
  return inSessions(() => (session) => ({
    clean: async (...options) => session.clean(...change(...options)),
  }))
}

/** Of counting and cleaning. */
export const cleaningFaults: readonly Fault[] = [
  {
    what: 'counts what is held as pending',
    foundBy: ['counts what waits, what is blocked, what is held and what is dead'],
    harness: inBacklog(({ pending, held }) => ({ pending: pending + held })),
  },
  {
    what: "takes an event's age from when it happened",
    foundBy: ['says how long the oldest event has waited'],
    harness: inBacklog(() => ({ oldestAgeMs: Date.now() })),
  },
  {
    what: 'counts beyond the cap',
    foundBy: ['counts up to a cap'],
    harness: inBacklog(({ pending }) => ({ pending: pending + 1 })),
  },
  {
    what: 'cleans without a limit',
    foundBy: ['forgets what was published, in turns of a limit, and says when there may be more'],
    harness: inCleaning((holder, options) => [holder, { ...options, limit: 1_000_000 }]),
  },
  {
    what: 'never says that there may be more to clean',
    foundBy: ['forgets what was published, in turns of a limit, and says when there may be more'],
    harness: inSessions(() => (session) => ({
      clean: async (...options) => ({ ...(await session.clean(...options)), more: false }),
    })),
  },
  {
    what: 'forgets what is dead',
    foundBy: [
      'forgets nothing that is pending, held or dead, published before or not',
      'counts what waits, what is blocked, what is held and what is dead',
    ],
    harness: (sound) => ({ ...sound, makeDead: async () => {} }),
  },
  {
    what: 'forgets what was published just now',
    foundBy: ['the retention counts from the publishing, however long ago an event was sent'],
    harness: inCleaning((holder, options) => [holder, { ...options, retentionMs: 0 }]),
  },
  {
    what: 'elects everyone who cleans',
    foundBy: ['one cleans at a time: the others are not elected, and delete nothing'],
    harness: inCleaning((_holder, options) => ['everyone', options]),
  },
  {
    what: 'elects one cleaner for ever',
    foundBy: ['another cleans when the one who did has not come back in time'],
    harness: inCleaning((holder, options) => [holder, { ...options, leaseMs: 3_600_000 }]),
  },
]

import { SchemaVersionError } from '../../../src/core/errors.ts'
import { delegate, type Fault, inStore } from '../faulty.ts'

/** Of migrating, checking, waking and closing. */
export const tableFaults: readonly Fault[] = [
  {
    what: 'has no lanes',
    foundBy: ['says what it is'],
    harness: inStore(() => ({ lanes: 0 })),
  },
  {
    what: 'never checks its tables',
    foundBy: [
      'a check without tables says what to do',
      'a check of tables that a newer release has made says which version they are',
    ],
    harness: inStore(() => ({ check: async () => {} })),
  },
  {
    what: 'names no remedy',
    foundBy: ['a check without tables says what to do'],
    harness: inStore((store) => ({
      check: async () =>
        store.check().catch((error: unknown) => {
          if (!(error instanceof SchemaVersionError)) throw error
          throw new SchemaVersionError('no tables', error)
        }),
    })),
  },
  {
    what: 'says each time that it has migrated',
    foundBy: [
      'migrating applies each version once, in order',
      'any number of processes may migrate at once',
    ],
    harness: inStore((store) => ({
      migrate: async () => {
        await store.migrate()
        return [{ version: 1, name: 'outbox' }]
      },
    })),
  },
  {
    what: 'has one outbox in a database',
    foundBy: ['outboxes of one database have nothing in common'],
    harness: (sound) => ({ ...sound, openEmpty: async () => Promise.resolve(sound) }),
  },
  {
    what: "throws the driver's errors",
    foundBy: ["every method says that the database failed, with the driver's error"],
    harness: inStore((store) => ({
      append: async (tx, events) =>
        store.append(tx, events).catch((error: unknown) => {
          throw (error as Error).cause
        }),
    })),
  },
  {
    what: 'goes on calling who has stopped to listen',
    foundBy: ['announcing wakes those who listen in other processes, until they stop'],
    harness: (sound) => {
      const listening = new AsyncDisposableStack()
      const faulty = inStore((store) => ({
        listen: async (listener) => {
          listening.use(await store.listen(listener))
          return { [Symbol.asyncDispose]: async () => {} }
        },
      }))(sound)
      return {
        ...faulty,
        [Symbol.asyncDispose]: async () => {
          await listening.disposeAsync()
          await sound[Symbol.asyncDispose]()
        },
      }
    },
  },
  {
    what: 'closes what was given to it',
    foundBy: ['closing leaves open what was given'],
    harness: (sound) => {
      let isClosed = false
      const close = async (): Promise<void> => {
        isClosed = true
        return Promise.resolve()
      }
      return {
        ...sound,
        store: delegate(sound.store, { close }),
        transaction: async (work) => {
          if (isClosed) throw new Error('the connection was closed')
          return sound.transaction(work)
        },
      }
    },
  },
]

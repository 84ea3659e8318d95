import { type Fault, inSessions } from '../faulty.ts'

/** Of `settle`. */
export const settlingFaults: readonly Fault[] = [
  {
    what: 'settles nothing',
    foundBy: [
      'what is settled is not delivered again, and nothing else is taken off',
      'a held event that is published is settled like any other',
      "a relay's statements are no part of what a caller has open",
    ],
    harness: inSessions(() => () => ({ settle: async () => Promise.resolve(true) })),
  },
  {
    what: 'settles what lies between the first and the last id',
    foundBy: [
      'what is settled is not delivered again, and nothing else is taken off',
      'settles hundreds of runs of ids at once',
    ],
    harness: inSessions(() => (session) => ({
      settle: async (batch) => {
        const [first = [0n, 0n]] = batch.ids
        const last = batch.ids.at(-1) ?? first
        return session.settle({ ...batch, ids: [[first[0], last[1]]] })
      },
    })),
  },
  {
    what: 'does not know which batches are settled',
    foundBy: [
      'a batch is settled once: its number and those below it are known',
      'of two who settle one batch at once, one does',
      'the batch of a dead relay is settled by another, once, whoever comes first',
    ],
    harness: inSessions(() => {
      let number = 0
      return (session) => ({
        settle: async (batch) => session.settle({ ...batch, number: ++number }),
      })
    }),
  },
  {
    what: 'numbers the batches of all relays together',
    foundBy: ['numbers of batches are those of one relay'],
    harness: inSessions(() => {
      let highest = 0
      return (session) => ({
        settle: async (batch) => {
          if (batch.number <= highest) return false
          highest = batch.number
          return session.settle(batch)
        },
      })
    }),
  },
  {
    what: 'settles nothing for a relay that is expired or fenced',
    foundBy: [
      'settling needs no lanes and no lease: it is a fact',
      'the batch of a dead relay is settled by another, once, whoever comes first',
    ],
    harness: inSessions(() => (session) => ({
      settle: async (batch) =>
        (await session.markFenced(batch.relayId)) === null && session.settle(batch),
    })),
  },
]

import { setTimeout } from 'node:timers/promises'

import { type Connection, type PostgresPair, connect } from '../../servers/index.ts'
import { type Fault, struck } from './fault.ts'

const tooManyClients = '53300'

/** Somebody else takes every connection that PostgreSQL has left, and each that becomes free. */
export function exhaustConnections(postgres: PostgresPair): Fault {
  return {
    name: 'postgres: connections exhausted',
    targets: ['postgres'],
    async strike() {
      const held: Connection[] = []
      const end = new AbortController()
      await takeAll(postgres, held)
      const holding = keepTaking(postgres, held, end.signal)
      return struck(`${held.length} taken`, async () => {
        end.abort()
        await holding
        await Promise.all(held.map((connection) => connection[Symbol.asyncDispose]()))
      })
    },
  }
}

async function keepTaking(
  postgres: PostgresPair,
  held: Connection[],
  end: AbortSignal,
): Promise<void> {
  while (!end.aborted) {
    // Who is killed meanwhile comes back, with connections that are free.
    await takeAll(postgres, held).catch(() => {})
    await setTimeout(50, undefined, { signal: end }).catch(() => {})
  }
}

async function takeAll(postgres: PostgresPair, held: Connection[]): Promise<void> {
  for (;;) {
    try {
      held.push(await connect(postgres.primary))
    } catch (error) {
      if ((error as { code?: unknown }).code === tooManyClients) return
      throw error
    }
  }
}

import type { OutboxStore, RelaySession } from '../../src/core/outbox-store.ts'
import { withMethods } from '../chaos/proof/with-methods.ts'

/** Where a relay stands still. */
export interface Step {
  readonly method: 'refuse' | 'park' | 'due' | 'drain' | 'fetchHeld' | 'settle' | 'unblock'
  /** Before the store has done it, or after, with the answer lost. */
  readonly when: 'before' | 'after'
  /** At which call; of `due` and `fetchHeld` those count that find something. */
  readonly call: number
}

export interface Frozen extends AsyncDisposable {
  readonly store: OutboxStore
  /** Resolves when the step is reached. */
  readonly frozen: Promise<void>
}

/** A store whose relay stands still for good at one step: nothing that it asks is answered any more. */
export function frozenAt(store: OutboxStore, { method, when, call }: Step): Frozen {
  const { promise: frozen, resolve: freeze } = Promise.withResolvers<void>()
  const sessions: RelaySession[] = []
  const running = new Set<Promise<unknown>>()
  let isFrozen = false
  let calls = 0
  const stand = async (): Promise<never> => {
    isFrozen = true
    freeze()
    return new Promise<never>(() => {})
  }
  const freezing = (session: RelaySession): RelaySession =>
    new Proxy(session, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        const bound = value.bind(target) as (...given: unknown[]) => unknown
        if (typeof name === 'symbol') return bound
        const act = async (...given: unknown[]): Promise<unknown> => {
          const acting = Promise.resolve(bound(...given))
          running.add(acting)
          return acting.finally(() => running.delete(acting))
        }
        return async (...given: unknown[]): Promise<unknown> => {
          if (isFrozen) return stand()
          if (name !== method) return act(...given)
          if (when === 'before' && method !== 'due' && method !== 'fetchHeld' && ++calls === call)
            return stand()
          const answer = await act(...given)
          if (when === 'after' && !isEmpty(answer) && ++calls === call) return stand()
          return answer
        }
      },
    })
  return {
    store: withMethods(store, {
      openRelaySession: async () => {
        const session = await store.openRelaySession()
        sessions.push(session)
        return freezing(session)
      },
    }),
    frozen,
    /** Its connections, which it would never give back. */
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled(running)
      await Promise.all(sessions.map(async (session) => session[Symbol.asyncDispose]()))
    },
  }
}

function isEmpty(answer: unknown): boolean {
  const events = (answer as { events?: unknown } | null)?.events ?? answer
  return Array.isArray(events) && events.length === 0
}

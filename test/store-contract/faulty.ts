import type { OutboxEvent } from '../../src/core/event.ts'
import type { OutboxStore, RelaySession } from '../../src/core/outbox-store.ts'
import type { StoreHarness } from '../../src/testing/outbox-store-contract.ts'

/** A way in which a store could break its promises. */
export interface Fault {
  /** Goes on from "a store that". */
  readonly what: string
  /** The titles of cases that find it. */
  readonly foundBy: readonly string[]
  /** The harness of a store that has it. */
  harness(sound: StoreHarness): StoreHarness
}

type Change<T> = (sound: T) => Partial<T>

/** A fault of the store's own methods. */
export function inStore(change: Change<OutboxStore>): Fault['harness'] {
  const faulty = (store: OutboxStore): OutboxStore => delegate(store, change(store))
  return (sound) => ({
    ...sound,
    store: faulty(sound.store),
    other: faulty(sound.other),
    openEmpty: async () => {
      const { store, other } = await sound.openEmpty()
      return { store: faulty(store), other: faulty(other) }
    },
  })
}

/** A fault of relay sessions. `change` is called once for all of them. */
export function inSessions(change: () => Change<RelaySession>): Fault['harness'] {
  return (sound) => {
    const one = change()
    return inStore((store) => ({
      openRelaySession: async () => {
        const session = await store.openRelaySession()
        return delegate(session, one(session))
      },
    }))(sound)
  }
}

/** A fault that shows in the events that are stored. */
export function inEvents(
  change: (events: readonly OutboxEvent[]) => readonly OutboxEvent[],
): Fault['harness'] {
  return inStore((store) => ({
    append: async (tx, events) => store.append(tx, change(events)),
  }))
}

/** `sound`, but for `changes`. */
export function delegate<T extends object>(sound: T, changes: Partial<T>): T {
  return new Proxy(sound, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in changes ? changes : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

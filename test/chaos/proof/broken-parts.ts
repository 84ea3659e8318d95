import type { Broker } from '../../../src/core/broker.ts'
import type { OutboxStore } from '../../../src/core/outbox-store.ts'
import { withMethods } from './with-methods.ts'

/** Broken on purpose: a cursor, `id > last`, in place of the horizon. */
export function withCursor<Tx>(store: OutboxStore<Tx>): OutboxStore<Tx> {
  let last = 0n
  return withMethods(store, {
    async openRelaySession() {
      const session = await store.openRelaySession()
      return withMethods(session, {
        async fetch(request) {
          const batch = await session.fetch(request)
          const events = batch.events.filter(({ id }) => id > last)
          last = events.at(-1)?.id ?? last
          return { ...batch, events }
        },
      })
    },
  })
}

/**
 * Broken on purpose: says that a batch is written, so that it is settled, and dies before it is
 * written.
 */
export function settledTooSoon(broker: Broker): Broker {
  return withMethods(broker, {
    async openPublisher(options) {
      return withMethods(await broker.openPublisher(options), {
        async append(_batch, beforeSend) {
          beforeSend()
          return { state: 'appended', acks: [], commit: async () => {}, abort: async () => {} }
        },
      })
    },
  })
}

/** Broken on purpose: a relay that was taken for dead is not shut out, and nobody asks what it wrote. */
export function withoutFence(broker: Broker): Broker {
  return withMethods(broker, { fence: async () => [] })
}

/** Not broken: a relay that stands still until `thaw`, right after the broker had its first batch. */
export function frozenAfterCommit<Tx>(
  store: OutboxStore<Tx>,
  broker: Broker,
): { store: OutboxStore<Tx>; broker: Broker; frozen: Promise<void>; thaw: () => void } {
  const { promise: frozen, resolve } = Promise.withResolvers<void>()
  const { promise: forEver, reject } = Promise.withResolvers<never>()
  forEver.catch(() => {})
  const thaw = (): void => {
    isFrozen = false
    reject(new Error('it stood still'))
  }
  let isFrozen = false
  const frozenBroker = withMethods(broker, {
    async openPublisher(options) {
      const publisher = await broker.openPublisher(options)
      return withMethods(publisher, {
        async append(batch, beforeSend) {
          const result = await publisher.append(batch, beforeSend)
          if (result.state === 'appended') await result.commit()
          isFrozen = true
          resolve()
          return forEver
        },
      })
    },
  })
  const frozenStore = withMethods(store, {
    async openRelaySession() {
      const session = await store.openRelaySession()
      return withMethods(session, {
        tick: (...given) => (isFrozen ? forEver : session.tick(...given)),
        markFenced: (...given) => (isFrozen ? forEver : session.markFenced(...given)),
      })
    },
  })
  return { store: frozenStore, broker: frozenBroker, frozen, thaw }
}

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

import assert from 'node:assert/strict'
import { it } from 'node:test'

import { cloudEvents } from '../../src/codecs/cloudevents/index.ts'
import type { Codec } from '../../src/core/codec.ts'
import type { StoredEvent } from '../../src/core/event.ts'
import type { OutboxStore } from '../../src/core/outbox-store.ts'
import { withMethods } from '../chaos/proof/with-methods.ts'
import { RefusalShop } from '../relay/refusal-shop.ts'
import { openSqlite } from '../store-contract/sqlite-harness.ts'

it('a head that is refused in the middle of a drain is tried before what follows it, though the rest of its page is not settled', async () => {
  const settling = { fails: false }
  const poison = new Set(['h0'])
  const plain = cloudEvents()
  const codec: Codec = {
    name: plain.name,
    decode: (record, name) => plain.decode(record, name),
    encode: (event: StoredEvent) => {
      const text = String(event.payload)
      if (text === 'h3' && poison.delete('once h3')) {
        settling.fails = true
        throw new Error('no such schema')
      }
      if (poison.has(text)) throw new Error('no such schema')
      return plain.encode(event)
    },
  }
  await using shop = await RefusalShop.open(await openSqlite(), codec)
  const tries: string[] = []
  const store = watched(shop.harness.other, {
    settle: () => {
      if (settling.fails) throw new Error('the database is away')
    },
    fetched: (heads, texts) => {
      if (!heads) return
      tries.push(...texts)
      // Its page is settled only after it has been tried again.
      if (texts.includes('h3')) settling.fails = false
    },
  })
  poison.add('once h3')
  await shop.relay(
    {
      batchSize: 4,
      refusals: { retryMs: 20, maxRetryMs: 20, maxAttempts: 99, maxPermanentAttempts: 99 },
    },
    store,
  )
  await shop.commit('k', 'h0', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6')
  await shop.untilBlocked('blocked', (entries) => entries.length === 1)
  poison.delete('h0')
  const { k } = await shop.publishedByKey(7)
  assert.deepEqual(k, ['h0', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6'])
  assert.equal(tries.at(-1), 'h3')
})

/** A store that tells of what its relay settles, and of what it fetches of what is held. */
function watched(
  store: OutboxStore,
  hooks: { settle(): void; fetched(heads: boolean, texts: readonly string[]): void },
): OutboxStore {
  return withMethods(store, {
    async openRelaySession() {
      const session = await store.openRelaySession()
      return withMethods(session, {
        async settle(batch) {
          hooks.settle()
          return session.settle(batch)
        },
        async fetchHeld(request) {
          const page = await session.fetchHeld(request)
          hooks.fetched(
            request.maxOfEach === 1,
            page.events.map(({ payload }) => String(payload)),
          )
          return page
        },
      })
    },
  })
}

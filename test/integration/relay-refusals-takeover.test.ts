import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import type { StoreHarness } from '../../src/testing/outbox-store-contract.ts'
import { frozenAt, type Step } from '../relay/frozen-store.ts'
import { RefusalShop } from '../relay/refusal-shop.ts'
import { PostgresHarnesses } from '../store-contract/postgres-harness.ts'
import { openSqlite } from '../store-contract/sqlite-harness.ts'

let harnesses: PostgresHarnesses

before(async () => {
  harnesses = await PostgresHarnesses.open('relay_takeover')
})
after(async () => harnesses[Symbol.asyncDispose]())

const stores: Readonly<Record<string, () => Promise<StoreHarness>>> = {
  PostgreSQL: async () => harnesses.byPg(),
  SQLite: openSqlite,
}
const refusals = { maxAttempts: 3, retryMs: 1, maxRetryMs: 1, onExhausted: 'dead' } as const
const quick = { ttlMs: 1_000, stopTimeoutMs: 0, refusals }

/** Each step of the way from the first refusal to the end, and the answer to each. */
const steps: readonly Step[] = [
  { method: 'refuse', when: 'before', call: 1 },
  { method: 'refuse', when: 'after', call: 1 },
  { method: 'park', when: 'before', call: 1 },
  { method: 'park', when: 'after', call: 1 },
  { method: 'due', when: 'after', call: 1 },
  { method: 'fetchHeld', when: 'after', call: 1 },
  { method: 'refuse', when: 'before', call: 2 },
  { method: 'refuse', when: 'after', call: 2 },
  { method: 'refuse', when: 'before', call: 3 },
  { method: 'refuse', when: 'after', call: 3 },
  { method: 'drain', when: 'before', call: 1 },
  { method: 'drain', when: 'after', call: 1 },
  { method: 'fetchHeld', when: 'after', call: 3 },
  { method: 'settle', when: 'before', call: 2 },
  { method: 'settle', when: 'after', call: 2 },
  { method: 'unblock', when: 'before', call: 1 },
  { method: 'unblock', when: 'after', call: 1 },
]

for (const [name, openHarness] of Object.entries(stores)) {
  describe(`a relay that stands still while it handles a refused event, on ${name}`, () => {
    for (const step of steps) {
      const at = `${step.when} its ${step.method} ${step.call}`
      it(`${at}: its successor goes on, nothing is lost, out of order or twice`, async () => {
        await using shop = await RefusalShop.open(await openHarness())
        shop.poison('poison')
        await shop.commitAll(
          { topic: 't', key: 'x', payload: 'free' },
          ...['poison', '1', '2'].map((payload) => ({ topic: 't', key: 'k', payload })),
        )
        await using still = frozenAt(shop.harness.store, step)
        await shop.relay(quick, still.store)
        await still.frozen
        await shop.relay(quick)
        assert.deepEqual(await shop.publishedByKey(3), { x: ['free'], k: ['1', '2'] })
        await shop.untilNothingWaits()
        assert.equal((await shop.backlog()).dead, 1)
        await shop.commit('k', 'last')
        assert.deepEqual((await shop.publishedByKey(4))['k'], ['1', '2', 'last'])
      })
    }

    for (const when of ['before', 'after'] as const) {
      it(`${when} it settles a head that was taken at last: it is published once`, async () => {
        await using shop = await RefusalShop.open(await openHarness())
        shop.poison('poison')
        const patient = {
          ...quick,
          refusals: { retryMs: 20, maxRetryMs: 20, maxAttempts: 1_000 },
        }
        await shop.commit('k', 'poison', '1', '2')
        await using still = frozenAt(shop.harness.store, { method: 'settle', when, call: 1 })
        await shop.relay(patient, still.store)
        await shop.untilBlocked('it waits', (entries) => entries.length === 1)
        shop.poison()
        await still.frozen
        await shop.relay(patient)
        assert.deepEqual(await shop.publishedByKey(3), { k: ['poison', '1', '2'] })
        await shop.untilNothingWaits()
        await shop.commit('k', 'last')
        assert.deepEqual(await shop.published(4), ['poison', '1', '2', 'last'])
      })
    }
  })
}

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import type { StoreHarness } from '../../src/testing/outbox-store-contract.ts'
import { eventually } from '../relay/outbox-fixture.ts'
import { codecThatThrows, RefusalShop, TOPIC } from '../relay/refusal-shop.ts'
import { PostgresHarnesses } from '../store-contract/postgres-harness.ts'
import { openSqlite } from '../store-contract/sqlite-harness.ts'

let harnesses: PostgresHarnesses

before(async () => {
  harnesses = await PostgresHarnesses.open('relay_refusals')
})
after(async () => harnesses[Symbol.asyncDispose]())

const stores: Readonly<Record<string, () => Promise<StoreHarness>>> = {
  PostgreSQL: async () => harnesses.byPg(),
  SQLite: openSqlite,
}
const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n))

for (const [store, openHarness] of Object.entries(stores)) {
  describe(`an event that the broker refuses, in an outbox on ${store}`, () => {
    it('is tried again, alone, and its key goes on in order when the broker takes it', async () => {
      await using shop = await RefusalShop.open(await openHarness())
      shop.poison('1')
      await shop.relay({ refusals: { retryMs: 5, maxRetryMs: 50, maxAttempts: 1_000 } })
      await shop.commit('poisoned', '0', '1', '2')
      await shop.commit('free', '3', '4')
      const byKey = await shop.publishedByKey(3)
      assert.deepEqual(byKey, { poisoned: ['0'], free: ['3', '4'] })
      const tried = await shop.untilBlocked('several tries', ([one]) => (one?.attempts ?? 0) > 3)
      assert.equal(tried.length, 1)
      await shop.commit('poisoned', '5')
      await shop.commit('free', '6')
      shop.poison()
      const all = await shop.publishedByKey(7)
      assert.deepEqual(all, { poisoned: ['0', '1', '2', '5'], free: ['3', '4', '6'] })
      await shop.untilNothingWaits()
      await shop.commit('poisoned', '7')
      assert.deepEqual((await shop.publishedByKey(8))['poisoned']?.at(-1), '7')
    })

    it('blocks its key when it has been tried as often as the policy says, and is tried no more', async () => {
      await using shop = await RefusalShop.open(await openHarness())
      shop.poison('poison')
      const relay = await shop.relay({ refusals: { maxAttempts: 3, retryMs: 1 } })
      await shop.commit('k', 'poison', 'behind')
      const [entry] = await shop.untilBlocked('blocked', ([one]) => one?.state === 'blocked')
      assert.equal(entry?.attempts, 3)
      assert.match(entry.error, /made to be refused/)
      shop.poison()
      await shop.commit('other', ...numbers(20))
      assert.equal((await shop.published(20)).length, 20)
      assert.deepEqual(relay.status.blocked, { keys: 1, topics: [] })
      const { held, dead } = await shop.backlog()
      assert.deepEqual({ held, dead }, { held: 2, dead: 0 })
      const told = shop.logger.lines.filter((line) => line.includes("can't be published"))
      assert.deepEqual(
        told.map((line) => /^(error|warn)|attempt \d of 3|until it is released/g.exec(line)?.[0]),
        ['error', 'warn', 'error'],
      )
    })

    it('is dead where the policy of its topic says so, and its key goes on without it', async () => {
      await using shop = await RefusalShop.open(await openHarness())
      shop.poison('poison')
      const policy = { maxAttempts: 2, retryMs: 1, onExhausted: 'dead' } as const
      await shop.relay({ refusals: { topics: { [TOPIC]: policy } } })
      await shop.commit('k', '0', 'poison', '1', '2')
      assert.deepEqual(await shop.published(3), ['0', '1', '2'])
      await shop.untilNothingWaits()
      assert.equal((await shop.backlog()).dead, 1)
      await shop.commit('k', '3')
      assert.deepEqual((await shop.published(4)).at(-1), '3')
    })

    it('without a key holds nothing but itself, and is dead in the end', async () => {
      await using shop = await RefusalShop.open(await openHarness())
      shop.poison('poison', 'worse')
      await shop.relay({ refusals: { maxAttempts: 2, retryMs: 1 } })
      await shop.commit(null, 'poison', '0', 'worse', '1')
      assert.deepEqual((await shop.published(2)).toSorted(), ['0', '1'])
      await shop.untilNothingWaits()
      assert.equal((await shop.backlog()).dead, 2)
    })

    it('without a key is published when it is taken at a later try', async () => {
      await using shop = await RefusalShop.open(await openHarness())
      shop.poison('late')
      await shop.relay({ refusals: { maxAttempts: 1_000, retryMs: 5, maxRetryMs: 5 } })
      await shop.commit(null, 'late', '0')
      await shop.untilBlocked('it waits', (entries) => entries.length === 1)
      shop.poison()
      assert.deepEqual((await shop.published(2)).toSorted(), ['0', 'late'])
      await shop.untilNothingWaits()
    })

    it('several of one key are each tried as often, one after the other', async () => {
      await using shop = await RefusalShop.open(await openHarness())
      shop.poison('a', 'b')
      const policy = { maxAttempts: 3, retryMs: 1, onExhausted: 'dead' } as const
      await shop.relay({ refusals: policy })
      await shop.commit('k', 'a', '0', 'b', '1')
      assert.deepEqual(await shop.published(2), ['0', '1'])
      await shop.untilNothingWaits()
      assert.equal((await shop.backlog()).dead, 2)
      const tries = shop.logger.lines.filter((line) => line.includes("can't be published"))
      assert.equal(tries.length, 6, tries.join('\n'))
    })

    it('lets what was sent before it go first, and holds only what comes after', async () => {
      await using shop = await RefusalShop.open(await openHarness())
      shop.poison('bad')
      await shop.commit('k', 'good 0', 'good 1', 'bad', 'later')
      await shop.relay({ refusals: { maxAttempts: 1 } })
      assert.deepEqual(await shop.published(2), ['good 0', 'good 1'])
      await shop.untilBlocked('blocked', ([one]) => one?.state === 'blocked')
      assert.equal((await shop.backlog()).held, 2)
    })

    it('in the middle of a large batch is the only one that waits', async () => {
      await using shop = await RefusalShop.open(await openHarness())
      shop.poison('417')
      const events = numbers(1_000).map((payload) => ({
        topic: TOPIC,
        key: `k${payload}`,
        payload,
      }))
      await shop.commitAll(...events)
      await shop.relay({ refusals: { retryMs: 60_000 } })
      const published = await shop.published(999)
      assert.deepEqual(
        published.map(Number).toSorted((a, b) => a - b),
        events.map((_, n) => n).filter((n) => n !== 417),
      )
      const [entry, ...more] = await shop.blocked()
      assert.deepEqual([entry?.key, more.length], ['k417', 0])
    })

    it('a codec that throws is a refusal that another try can hardly help', async () => {
      await using shop = await RefusalShop.open(await openHarness(), codecThatThrows('broken'))
      await shop.relay({ refusals: { retryMs: 1 } })
      await shop.commit('k', 'broken', '0')
      await shop.commit('other', '1')
      assert.deepEqual(await shop.published(1), ['1'])
      const [entry] = await shop.untilBlocked('blocked', ([one]) => one?.state === 'blocked')
      assert.equal(entry?.attempts, 2)
      assert.match(entry.error, /codec.*no such schema/)
    })

    it('parks its topic where a hundred keys are refused alike, and other topics flow', async () => {
      await using shop = await RefusalShop.open(await openHarness())
      shop.broker.refuse(({ topic }) => topic === TOPIC)
      const relay = await shop.relay({ refusals: { retryMs: 60_000, maxRetryMs: 60_000 } })
      const events = numbers(300).map((payload) => ({ topic: TOPIC, key: `k${payload}`, payload }))
      await shop.commitAll(...events, { topic: 'other', key: 'k', payload: 'flows' })
      assert.deepEqual(await shop.published(1, 'other'), ['flows'])
      await shop.untilBlocked('all of it waits', (entries) =>
        entries.some(({ key, eventId }) => key === null && eventId === null),
      )
      assert.deepEqual(relay.status.blocked.topics, [TOPIC])
      assert.equal(relay.status.blocked.keys, 100)
      await eventually('all of it is held, and the other settled', async () => {
        const { held, pending } = await shop.backlog()
        return held === 300 && pending === 0 ? true : undefined
      })
      assert.match(shop.logger.lines.join('\n'), /all of t waits for 30 s, so many of its keys/)
    })

    it('is known to the next relay with its attempts, and to the one after that', async () => {
      await using shop = await RefusalShop.open(await openHarness())
      shop.poison('poison')
      const refusals = { maxAttempts: 5, retryMs: 40, maxRetryMs: 40 }
      await shop.commit('k', 'poison', 'behind')
      for (let attempts = 1; attempts < 5; attempts++) {
        await using relay = await shop.relay({ refusals })
        await shop.untilBlocked(`${attempts} tries`, ([one]) => (one?.attempts ?? 0) >= attempts)
        await relay.stop()
      }
      await shop.relay({ refusals })
      const [entry] = await shop.untilBlocked('blocked', ([one]) => one?.state === 'blocked')
      assert.equal(entry?.attempts, 5)
    })
  })
}

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import type { BulkOptions } from '../../src/index.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import type { StoreHarness } from '../../src/testing/outbox-store-contract.ts'
import { listed, OperatorShop } from '../relay/operator-shop.ts'
import { PostgresHarnesses } from '../store-contract/postgres-harness.ts'
import { openSqlite } from '../store-contract/sqlite-harness.ts'

let harnesses: PostgresHarnesses

before(async () => {
  harnesses = await PostgresHarnesses.open('operations')
})
after(async () => harnesses[Symbol.asyncDispose]())

const stores: Readonly<Record<string, () => Promise<StoreHarness>>> = {
  PostgreSQL: async () => harnesses.byPg(),
  SQLite: openSqlite,
}
const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n))
const BY: BulkOptions = { actor: 'ada', reason: 'INC-1' }

for (const [store, openHarness] of Object.entries(stores)) {
  describe(`an operator of an outbox on ${store}`, () => {
    it('has a dead letter published again, behind what its key has published since, marked', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { shop, operations } = opened
      await opened.die('k', 'poison')
      await shop.relay()
      await shop.commit('k', 'later')
      assert.deepEqual(await shop.published(1), ['later'])
      await shop.untilNothingWaits()
      const [letter, ...more] = await listed(operations.deadLetters())
      assert.ok(letter !== undefined && more.length === 0)
      assert.equal(letter.key, 'k')
      assert.match(letter.error, /made to be refused/)
      const whole = await operations.deadLetter(letter.uuid)
      assert.equal(String(whole?.payload), 'poison')
      const preview = await operations.previewRequeue({ key: 'k' })
      assert.deepEqual([preview.letters, preview.keys, preview.inOrder], [1, 1, 0])
      assert.equal(preview.newer.events, 1)
      const inOrder = { ...BY, onlyInOrder: true }
      assert.equal((await operations.requeue({ key: 'k' }, inOrder)).matched, 0)
      const requeued = await operations.requeue({ key: 'k' }, BY)
      assert.deepEqual([requeued.done, requeued.waiting], [1, 0])
      assert.deepEqual(await shop.published(2), ['later', 'poison'])
      const read = await opened.readUntil(['poison'])
      assert.deepEqual(
        read.map(({ text, again }) => [text, again]),
        [
          ['later', undefined],
          ['poison', '1'],
        ],
      )
      await shop.untilNothingWaits()
    })

    it('is told that what is requeued by uuid twice was requeued before, and by whom', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { operations } = opened
      await opened.die('k', 'a')
      const [letter] = await listed(operations.deadLetters())
      const [uuid, stranger] = [letter?.uuid ?? '', uuidv7()]
      const first = await operations.requeue({ uuids: [uuid.toUpperCase()] }, BY)
      assert.deepEqual([first.done, first.before, first.missing], [1, [], []])
      const second = await operations.requeue({ uuids: [uuid, stranger] }, BY)
      assert.deepEqual([second.matched, second.done, second.missing], [0, 0, [stranger]])
      const [decision] = second.before
      assert.deepEqual(
        [decision?.uuid, decision?.action, decision?.actor],
        [uuid, 'requeue', 'ada'],
      )
    })

    it('acts in chunks, hears of each, and can stop behind one; to go on does the rest', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { operations } = opened
      await opened.die(null, ...numbers(7))
      const stop = new AbortController()
      const seen: number[] = []
      const options: BulkOptions = {
        ...BY,
        chunk: 3,
        signal: stop.signal,
        onProgress: ({ done }) => {
          seen.push(done)
          if (done === 6) stop.abort()
        },
      }
      const stopped = await operations.discard({ all: true }, options)
      assert.deepEqual(seen, [3, 6])
      assert.deepEqual([stopped.matched, stopped.done, stopped.aborted], [6, 6, true])
      const rest = await operations.discard({ all: true }, { ...BY, chunk: 3 })
      assert.deepEqual([rest.matched, rest.done, rest.aborted], [1, 1, false])
      const audit = await operations.audit()
      assert.deepEqual(
        audit.map(({ bulk, done }) => [bulk, done]),
        [
          [rest.bulk, 1],
          [stopped.bulk, 3],
          [stopped.bulk, 3],
        ],
      )
    })

    it('requeues what was frozen by a preview, and nothing that died since', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { operations } = opened
      await opened.die('k', 'a')
      const { upTo, letters } = await operations.previewRequeue({ all: true })
      assert.equal(letters, 1)
      await opened.nextMillisecond()
      await opened.die('k', 'b')
      const { done } = await operations.requeue({ all: true }, { ...BY, upTo })
      assert.equal(done, 1)
      const left = await listed(operations.deadLetters())
      assert.equal(left.length, 1)
    })

    it('sees dead letters grouped by what their errors have in common', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { operations } = opened
      await opened.dieOf('too large: %d bytes', 'a', 'a', 'b')
      await opened.dieOf('no schema %d', 'c')
      const groups = await operations.deadGroups()
      assert.deepEqual(
        groups.map(({ error, letters, keys }) => [error, letters, keys]),
        [
          ['too large: * bytes', 3, 2],
          ['no schema *', 1, 1],
        ],
      )
      const found = operations.deadLetters({ error: groups[0]?.error ?? '' })
      assert.equal((await listed(found)).length, 3)
    })

    it('releases a blocked key, which goes on in order, its head first', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { shop, operations } = opened
      await shop.relay({ refusals: { maxAttempts: 1 } })
      shop.poison('poison')
      await shop.commit('k', 'poison', '1', '2')
      await shop.untilBlocked('blocked', ([one]) => one?.state === 'blocked')
      const [key] = await listed(operations.blockedKeys({ key: 'k' }))
      assert.deepEqual([key?.state, key?.attempts], ['blocked', 1])
      const held = await operations.held({ key: 'k' })
      assert.equal(held[0]?.uuid, key?.head)
      shop.poison()
      assert.equal((await operations.release({ key: 'k' }, BY)).done, 1)
      assert.deepEqual(await shop.published(3), ['poison', '1', '2'])
      await shop.untilNothingWaits()
    })

    it('discards the head of a blocked key, or what waits behind it, and the rest goes on', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { shop, operations } = opened
      await shop.relay({ refusals: { maxAttempts: 1 } })
      shop.poison('poison')
      await shop.commit('k', 'poison', '1', '2', '3')
      await opened.untilHeld(4)
      const [head, , second] = await operations.held({ key: 'k' })
      const behind = await operations.discardHeld([second?.uuid ?? ''], BY)
      assert.deepEqual([behind.done, behind.missing], [1, []])
      assert.equal((await operations.discardHeads({ key: 'k' }, BY)).done, 1)
      assert.deepEqual(await shop.published(2), ['1', '3'])
      await shop.untilNothingWaits()
      const again = await operations.discardHeld([head?.uuid ?? ''], BY)
      assert.deepEqual([again.done, again.before[0]?.action], [0, 'discard'])
      const delivered = await opened.delivered()
      assert.equal(delivered.get(head?.uuid ?? ''), false, 'what was discarded is not delivered')
      assert.equal([...delivered.values()].filter(Boolean).length, 2)
    })

    it('can not act on everything by an empty filter, nor without a reason', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { operations } = opened
      const refused = { code: 'ONCOMMIT_OPTION' }
      await assert.rejects(operations.discard({}, BY), refused)
      await assert.rejects(operations.discard({ all: true, topic: 't' }, BY), refused)
      await assert.rejects(operations.requeue({ topic: 't' }, { ...BY, reason: '' }), refused)
      const misspelt: object = { topics: 't' }
      await assert.rejects(operations.release(misspelt, BY), refused)
      await assert.rejects(operations.discardHeld(['x'], BY), refused)
    })
  })
}

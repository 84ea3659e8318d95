import assert from 'node:assert/strict'
import type { ContractCase } from '../contract-case.ts'
import { textsOf, type StoreHarness } from '../outbox-store-contract/harness.ts'
import { idsOf, noteOf, Operator, operationsOf } from './operator.ts'

/** What requeueing a dead letter promises. */
export const requeueingCases: readonly ContractCase<StoreHarness>[] = [
  {
    title: 'a requeued letter is due to be drained, marked as redelivered, and not pending',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations, relay } = operator
      const letters = await operator.dead({ key: 'k' }, { key: null })
      const upTo = await operations.now()
      for (let times = 1; times <= 2; times++) {
        const requeued = { ids: idsOf(letters), upTo: await operations.now(), note: noteOf() }
        assert.deepEqual(await operations.requeue(requeued), { done: 2, waiting: 0 })
        assert.deepEqual(await operator.letters(), [])
        assert.deepEqual(textsOf(await relay.fetchAll()), [])
        const due = await operator.due()
        assert.equal(due.length, 2)
        const held = await relay.held(idsOf(due))
        assert.deepEqual(idsOf(held.events), idsOf(letters))
        assert.deepEqual(
          held.events.map(({ redelivered }) => redelivered),
          [times, times],
        )
        for (const event of held.events) await operator.refused(event, { state: 'dead' })
        await operator.unblockAll()
        const again = await operator.letters()
        assert.deepEqual(
          again.map(({ redelivered }) => redelivered),
          [times, times],
        )
        assert.ok(again.every(({ diedAt }) => diedAt >= upTo))
      }
    },
  },
  {
    title: 'letters of one key are drained in their order, as large as they are',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations, relay } = operator
      const letters = await operator.dead(
        { payload: Buffer.alloc(5_000) },
        { payload: Buffer.alloc(5_000) },
        { payload: null },
      )
      const ids = idsOf(letters)
      const upTo = await operations.now()
      await operations.requeue({ ids: ids.toReversed(), upTo, note: noteOf() })
      const [entry, ...more] = await operator.due()
      assert.ok(entry !== undefined && more.length === 0, 'a key has one entry')
      const held = await relay.held([entry.id], { maxBytes: 5_500 })
      assert.deepEqual(idsOf(held.events), ids.slice(0, 2))
      assert.equal(held.full, true)
    },
  },
  {
    title: 'a letter whose key is blocked waits with it, whose head stays what it is',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations, relay } = operator
      const [letter] = await operator.dead({ key: 'k' })
      const sent = await operator.blocked('k', 2, { state: 'blocked' })
      assert.ok(letter !== undefined)
      const requeued = { ids: [letter.id], upTo: await operations.now(), note: noteOf() }
      assert.deepEqual(await operations.requeue(requeued), { done: 1, waiting: 1 })
      assert.deepEqual(await operator.due(), [])
      const [entry, ...more] = await operator.entries()
      assert.equal(more.length, 0)
      assert.deepEqual([entry?.state, entry?.eventId], ['blocked', sent[0]?.id])
      const held = await relay.held([entry?.id ?? 0n])
      assert.deepEqual(idsOf(held.events), [letter.id, ...idsOf(sent)])
      const [blocked] = await operator.blockedKeys()
      assert.equal(blocked?.head?.id, sent[0]?.id)
      await operations.discardHeld({ ids: [letter.id], note: noteOf() })
      assert.deepEqual(await operator.due(), [], 'it was before the head, and not the head')
      await operations.discardHeld({ ids: [sent[0]?.id ?? 0n], note: noteOf() })
      assert.equal((await operator.due()).length, 1)
    },
  },
  {
    title: 'a letter whose key drains joins it',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations, relay } = operator
      const [letter] = await operator.dead({ key: 'k' })
      await operator.blocked('k', 2, { state: 'dead' })
      assert.ok(letter !== undefined)
      const requeued = { ids: [letter.id], upTo: await operations.now(), note: noteOf() }
      assert.deepEqual(await operations.requeue(requeued), { done: 1, waiting: 0 })
      const due = await operator.due()
      assert.equal(due.length, 1)
      assert.equal((await relay.held(idsOf(due))).events.length, 2)
    },
  },
  {
    title: 'what is requeued already, or was never dead, is left alone and not counted',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations, relay } = operator
      const letters = await operator.dead({}, {})
      const pending = await operator.sent({ key: 'other' })
      const ids = [...idsOf(letters), ...idsOf(pending), 999_999n]
      const upTo = await operations.now()
      assert.equal((await operations.requeue({ ids, upTo, note: noteOf() })).done, 2)
      assert.equal((await operations.requeue({ ids, upTo, note: noteOf() })).done, 0)
      const due = await operator.due()
      assert.equal((await relay.held(idsOf(due))).events.length, 2)
      assert.deepEqual(idsOf((await relay.fetchAll()).events), idsOf(pending))
    },
  },
  {
    title: 'what dies after the action was frozen is neither shown, requeued nor discarded',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations } = operator
      const before = await operator.dead({})
      const upTo = await operations.now()
      await operator.tick()
      const later = await operator.dead({})
      const ids = idsOf([...before, ...later])
      const page = await operations.deadLetters({ filter: {}, upTo, after: 0n, limit: 10 })
      assert.deepEqual(idsOf(page.items), idsOf(before))
      assert.equal(
        (await operations.discardDead({ ids: idsOf(later), upTo, note: noteOf() })).done,
        0,
      )
      assert.equal((await operations.requeue({ ids, upTo, note: noteOf() })).done, 1)
      assert.deepEqual(idsOf(await operator.letters()), idsOf(later))
    },
  },
  {
    title: 'two operators at once decide about each letter once',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      await using other = await operationsOf(harness.other)
      const { operations, relay } = operator
      const letters = await operator.dead(
        ...Array.from({ length: 60 }, (_, n) => ({ key: `k${n % 20}` })),
      )
      const ids = idsOf(letters)
      const upTo = await operations.now()
      const results = await Promise.all([
        operations.requeue({ ids: ids.slice(0, 40), upTo, note: noteOf() }),
        other.requeue({ ids: ids.toReversed().slice(0, 40), upTo, note: noteOf() }),
        operations.discardDead({ ids: ids.slice(10, 50), upTo, note: noteOf() }),
        other.discardDead({ ids: ids.slice(10, 50), upTo, note: noteOf() }),
      ])
      assert.equal(
        results.reduce((sum, { done }) => sum + done, 0),
        60,
      )
      const requeued = (results[0]?.done ?? 0) + (results[1]?.done ?? 0)
      const held = await relay.held(idsOf(await operator.entries()))
      assert.equal(held.events.length, requeued)
      assert.deepEqual(await operator.letters(), [])
    },
  },
]

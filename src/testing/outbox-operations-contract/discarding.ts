import assert from 'node:assert/strict'
import type { ContractCase } from '../contract-case.ts'
import { keyScope } from '../outbox-store-contract/contract-relay.ts'
import { send, eventOf, type StoreHarness, until } from '../outbox-store-contract/harness.ts'
import { idsOf, noteOf, Operator } from './operator.ts'

/** What discarding and releasing promise. */
export const discardingCases: readonly ContractCase<StoreHarness>[] = [
  {
    title: 'a discarded letter is gone for good, and is not discarded twice',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations, relay } = operator
      const letters = await operator.dead({}, { key: null })
      const chunk = { ids: idsOf(letters), upTo: await operations.now(), note: noteOf() }
      assert.deepEqual(await operations.discardDead(chunk), { done: 2 })
      assert.deepEqual(await operations.discardDead(chunk), { done: 0 })
      assert.equal((await operations.requeue(chunk)).done, 0)
      assert.deepEqual(await operator.letters(), [])
      assert.deepEqual(await operator.entries(), [])
      assert.deepEqual((await relay.fetchAll()).events, [])
    },
  },
  {
    title: 'what was discarded is forgotten after the retention, in turns, and not before',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations, relay } = operator
      const letters = await operator.dead(...Array.from({ length: 5 }, () => ({})))
      const [kept, ...gone] = letters
      const chunk = { ids: idsOf(gone), upTo: await operations.now(), note: noteOf() }
      await operations.discardDead(chunk)
      const [published] = await operator.sent({ key: 'other' })
      await relay.settle([published?.id ?? 0n])
      await operator.tick()
      assert.equal((await relay.clean({ retentionMs: 60_000 })).deleted, 0)
      assert.deepEqual(await relay.clean({ limit: 2 }), { elected: true, deleted: 2, more: true })
      assert.deepEqual(await relay.clean({ limit: 3 }), { elected: true, deleted: 3, more: false })
      assert.deepEqual(await harness.storedUuids(), [kept?.uuid])
      assert.deepEqual(await relay.clean(), { elected: true, deleted: 0, more: false })
    },
  },
  {
    title: 'discarding the head of a key lets the rest of it drain',
    run: async (harness) => {
      for (const next of [{ state: 'blocked' }, { state: 'retrying', afterMs: 60_000 }] as const) {
        await using operator = await Operator.open(harness)
        const { operations, relay } = operator
        const [head, ...rest] = await operator.blocked(next.state, 3, next)
        assert.ok(head !== undefined)
        assert.deepEqual(await operator.due(), [])
        const chunk = { ids: [head.id], note: noteOf() }
        assert.deepEqual(await operations.discardHeld(chunk), { done: 1 })
        assert.deepEqual(await operations.discardHeld(chunk), { done: 0 })
        const [entry] = await operator.due()
        assert.deepEqual([entry?.state, entry?.attempts], ['draining', 0])
        assert.deepEqual(idsOf((await relay.held([entry?.id ?? 0n])).events), idsOf(rest))
        const late = { scope: { ...keyScope(head), eventId: head.id }, error: 'e', attempts: 4 }
        const refused = [{ ...late, next: { state: 'dead' } as const }]
        assert.deepEqual(await relay.session.refuse(relay.id, refused), [], 'it is decided')
        await relay.settle(idsOf(rest))
        await operator.unblockAll()
        await relay.session.release(relay.id, relay.lanes)
      }
    },
  },
  {
    title: 'discarding what is behind a head leaves the key blocked',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations, relay } = operator
      const [head, second, third] = await operator.blocked('k', 3, { state: 'blocked' })
      assert.ok(head !== undefined && second !== undefined && third !== undefined)
      const chunk = { ids: [second.id], note: noteOf() }
      assert.deepEqual(await operations.discardHeld(chunk), { done: 1 })
      assert.deepEqual(await operator.due(), [])
      const [entry] = await operator.entries()
      assert.equal(entry?.state, 'blocked')
      const held = await relay.held([entry?.id ?? 0n])
      assert.deepEqual(idsOf(held.events), [head.id, third.id])
    },
  },
  {
    title: 'discarding a keyless event frees what blocked it, whatever is pending or dead stays',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations, relay } = operator
      const [letter] = await operator.dead({})
      const [event, pending] = await operator.sent({ key: null }, { key: 'k2' })
      assert.ok(letter !== undefined && event !== undefined && pending !== undefined)
      await operator.refused(event, { state: 'blocked' })
      const chunk = { ids: idsOf([letter, event, pending]), note: noteOf() }
      assert.deepEqual(await operations.discardHeld(chunk), { done: 1 })
      const due = await operator.due()
      assert.equal(due.length, 1)
      await operator.unblockAll()
      assert.equal((await operator.letters()).length, 1)
      assert.deepEqual(idsOf((await relay.fetchAll()).events), [pending.id])
    },
  },
  {
    title: 'a released key drains now, head and all, with all its attempts before it',
    run: async (harness) => {
      for (const next of [{ state: 'blocked' }, { state: 'retrying', afterMs: 60_000 }] as const) {
        await using operator = await Operator.open(harness)
        const { operations, relay } = operator
        const events = await operator.blocked(next.state, 2, next)
        const [blocked] = await operator.blockedKeys()
        assert.equal(blocked?.attempts, 3)
        const chunk = { ids: [blocked?.id ?? 0n], note: noteOf() }
        assert.deepEqual(await operations.release(chunk), { done: 1 })
        assert.deepEqual(await operations.release(chunk), { done: 0 }, 'it drains already')
        const [entry] = await operator.due()
        assert.deepEqual([entry?.state, entry?.attempts], ['draining', 0])
        assert.deepEqual(idsOf((await relay.held([entry?.id ?? 0n])).events), idsOf(events))
        await relay.settle(idsOf(events))
        await operator.unblockAll()
        await relay.session.release(relay.id, relay.lanes)
      }
    },
  },
  {
    title: 'a topic is not released, and its events are only discarded one by one',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations, relay } = operator
      await send(harness, eventOf('1'), eventOf('2'))
      const { events } = await relay.fetch()
      const [first, second] = events
      assert.ok(first !== undefined && second !== undefined)
      const topic = { ...keyScope(first), key: null }
      await relay.park(topic, idsOf(events))
      const [blocked] = await operator.blockedKeys()
      assert.deepEqual([blocked?.isTopic, blocked?.held], [true, 2])
      assert.equal((await operations.release({ ids: [blocked?.id ?? 0n], note: noteOf() })).done, 0)
      const chunk = { ids: [first.id], note: noteOf() }
      assert.equal((await operations.discardHeld(chunk)).done, 1)
      const [entry] = await operator.entries()
      assert.equal(entry?.state, 'blocked')
      assert.deepEqual(idsOf((await relay.held([entry?.id ?? 0n])).events), [second.id])
    },
  },
  {
    title: 'while a relay has the lanes in its hand, an operator waits and then decides',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations, relay } = operator
      const letters = await operator.dead(
        ...Array.from({ length: 30 }, (_, n) => ({ key: `${n}` })),
      )
      const fresh = await operator.sent(...Array.from({ length: 30 }, (_, n) => ({ key: `${n}` })))
      const upTo = await operations.now()
      const parked = Promise.all(fresh.map((one) => relay.park(keyScope(one), [one.id])))
      const requeued = await operations.requeue({ ids: idsOf(letters), upTo, note: noteOf() })
      await parked
      assert.equal(requeued.done, 30)
      const entries = await operator.entries()
      assert.equal(entries.length, 30, 'a key has one entry, whoever was first')
      await until(
        async () => (await relay.held(idsOf(entries))).events.length === 60,
        'all are held',
      )
    },
  },
]

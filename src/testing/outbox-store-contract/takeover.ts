import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { ContractCase } from '../contract-case.ts'
import { ContractRelay, keyScope } from './contract-relay.ts'
import { eventOf, idsOf, send, type StoreHarness, textsOf } from './harness.ts'

/** What fencing and burying promise. */
export const takeoverCases: readonly ContractCase<StoreHarness>[] = [
  {
    title: 'a relay that lives, or that nobody knows, can not be marked fenced',
    run: async (harness) => {
      await using one = await ContractRelay.owning(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      assert.equal(await two.session.markFenced(one.id), null)
      assert.equal(await two.session.markFenced(randomUUID()), null)
      assert.equal(await two.session.markFenced(randomUUID(), { resigning: true }), null)
      assert.equal((await one.tick()).state, 'live')
    },
  },
  {
    title: 'marking a relay fenced whose time has run out gives its fence, each time',
    run: async (harness) => {
      await using one = await ContractRelay.owning(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      await using three = await ContractRelay.enroll(harness.store)
      await harness.expire(one.id)
      for (const { session } of [two, three, two])
        assert.equal(await session.markFenced(one.id), one.fence)
      const { relays, free } = await two.view()
      const seen = relays.find(({ id }) => id === one.id)
      assert.deepEqual([seen?.state, seen?.lanes, free], ['fenced', one.lanes.length, []])
    },
  },
  {
    title: 'a relay may resign while it lives',
    run: async (harness) => {
      await using one = await ContractRelay.owning(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      assert.equal(await one.session.markFenced(one.id, { resigning: false }), null)
      assert.equal(await one.session.markFenced(one.id, { resigning: true }), one.fence)
      assert.equal(await two.session.markFenced(one.id), one.fence)
      assert.equal((await one.tick()).state, 'fenced')
      assert.equal((await two.tick()).state, 'live')
    },
  },
  {
    title: 'burying a fenced relay frees its lanes and forgets it, more than once',
    run: async (harness) => {
      await using one = await ContractRelay.owning(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      await harness.expire(one.id)
      await two.session.markFenced(one.id)
      for (let times = 0; times < 2; times++) {
        await two.session.bury(one.id)
        const { relays, free } = await two.view()
        assert.deepEqual(free, one.lanes)
        assert.deepEqual(
          relays.map(({ id }) => id),
          [two.id],
        )
      }
      assert.equal(await two.session.markFenced(one.id), null, 'it is gone')
      await two.beat(() => two.lanes)
      await two.session.bury(one.id)
      assert.equal((await two.beat()).owned.length, two.lanes.length)
    },
  },
  {
    title: 'a relay that nobody has fenced is not buried',
    run: async (harness) => {
      await using one = await ContractRelay.owning(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      await two.session.bury(one.id)
      await harness.expire(one.id)
      await two.session.bury(one.id)
      await two.session.bury(randomUUID())
      assert.equal((await two.view()).relays.length, 2)
      assert.equal((await one.beat()).owned.length, one.lanes.length)
    },
  },
  {
    title: 'a successor finds what its predecessor had in hand, and what it had blocked',
    run: async (harness) => {
      await using one = await ContractRelay.owning(harness.store)
      await send(harness, ...['a', 'b', 'c'].map((key) => eventOf(key, { key })))
      const [a, b] = (await one.fetch()).events
      assert.ok(a !== undefined && b !== undefined)
      await one.settle([a.id])
      await one.park(keyScope(b), [b.id], 'why')
      await using two = await ContractRelay.enroll(harness.other)
      await harness.expire(one.id)
      await two.session.markFenced(one.id)
      await two.session.bury(one.id)
      await two.beat(({ free }) => free)
      assert.deepEqual(textsOf(await two.fetch({ fromStart: true })), ['c'])
      const [entry] = await two.blocked()
      assert.deepEqual(
        { topic: entry?.topic, key: entry?.key, lane: entry?.lane, error: entry?.error },
        { topic: b.topic, key: b.key, lane: b.lane, error: 'why' },
      )
      assert.deepEqual(idsOf(await two.held([entry?.id ?? 0n])), [b.id])
    },
  },
  {
    title: 'a relay that was replaced decides nothing any more',
    run: async (harness) => {
      await using one = await ContractRelay.owning(harness.store)
      await send(harness, eventOf('a'))
      const [event] = (await one.fetch()).events
      assert.ok(event !== undefined)
      await using two = await ContractRelay.enroll(harness.other)
      await harness.expire(one.id)
      await two.session.markFenced(one.id)
      await two.session.bury(one.id)
      await two.beat(({ free }) => free)
      assert.deepEqual(await one.park(keyScope(event), [event.id]), [])
      assert.deepEqual(await two.blocked(), [])
      await one.session.release(one.id, one.lanes)
      assert.equal((await two.beat()).owned.length, two.lanes.length)
      await two.park(keyScope(event), [])
      const [entry] = await two.blocked()
      const id = entry?.id ?? 0n
      assert.deepEqual(await one.session.unblock(one.id, [id]), [])
      assert.deepEqual(await one.session.drain(one.id, [id]), [])
      assert.deepEqual(await one.refuse(event, { state: 'dead' }), [])
      assert.deepEqual(await two.blocked(), [entry])
    },
  },
]

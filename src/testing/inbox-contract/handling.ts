import assert from 'node:assert/strict'

import { TransactionError } from '../../core/errors.ts'
import type { ContractCase } from '../contract-case.ts'
import { eventOf } from '../outbox-store-contract/harness.ts'
import { addOnce, GROUP, inboxOf, type InboxHarness, uuids } from './harness.ts'

/** What handling once promises, one call after another. */
export const handlingCases: readonly ContractCase<InboxHarness>[] = [
  {
    title: 'an event has its effects once per group',
    run: async (harness) => {
      const events = uuids(1)
      assert.deepEqual([...(await addOnce(harness, events))], events)
      for (const store of [harness.store, harness.other])
        assert.equal((await addOnce(harness, events, { store })).size, 0)
      assert.equal(await harness.sum(), 1)
      assert.deepEqual([...(await addOnce(harness, events, { group: 'another' }))], events)
      assert.equal(await harness.sum(), 2)
    },
  },
  {
    title: 'work is not run at all where nothing is new',
    run: async ({ store }) => {
      const events = uuids(2)
      let runs = 0
      const run = (given: readonly string[]): Promise<unknown> =>
        inboxOf(store).once(GROUP, given, async () => {
          runs++
        })
      await run(events)
      await run(events)
      await run([])
      assert.equal(runs, 1)
    },
  },
  {
    title: 'of a batch the new ones are handled, in the letters in which they were given',
    run: async (harness) => {
      const events = uuids(100).map((uuid, n) => (n % 2 === 0 ? uuid : uuid.toUpperCase()))
      await addOnce(harness, [...events.slice(0, 30), ...events.slice(0, 30)])
      assert.equal(await harness.sum(), 30)
      const again = events.slice(0, 40).map((uuid) => uuid.toLowerCase())
      const fresh = await addOnce(harness, [...again, ...events.slice(40)])
      assert.deepEqual([...fresh], [...again.slice(30), ...events.slice(40)])
      assert.equal(await harness.sum(), 100)
      assert.equal(await harness.countNoted(), 100)
    },
  },
  {
    title: 'where work throws, everything is rolled back and it rejects with that very error',
    run: async (harness) => {
      const events = uuids(3)
      const reason = new Error('refused')
      const failing = inboxOf(harness.store).once(GROUP, events, async (tx, fresh) => {
        await harness.add(tx, fresh.size)
        await harness.store.append(tx, [eventOf('a')])
        throw reason
      })
      await assert.rejects(failing, (error) => error === reason)
      const counts = [harness.sum(), harness.countNoted(), harness.countSent()]
      assert.deepEqual(await Promise.all(counts), [0, 0, 0])
      assert.equal((await addOnce(harness, events)).size, 3)
      assert.equal(await harness.sum(), 3)
    },
  },
  {
    title: 'events can be sent inside of the work: they exist if it is committed',
    run: async (harness) => {
      const events = uuids(1)
      for (let n = 0; n < 2; n++)
        await inboxOf(harness.store).once(GROUP, events, async (tx) =>
          harness.store.append(tx, [eventOf('a'), eventOf('b')]),
        )
      assert.equal(await harness.countSent(), 2)
    },
  },
  {
    title: 'nothing is committed before the work has ended',
    run: async (harness) => {
      const events = uuids(1)
      await inboxOf(harness.store).once(GROUP, events, async (tx) => {
        await harness.add(tx, 1)
        assert.deepEqual([await harness.sum(), await harness.countNoted()], [0, 0])
      })
      assert.deepEqual([await harness.sum(), await harness.countNoted()], [1, 1])
    },
  },
  {
    title: 'a transaction that work ends by itself is refused',
    unless: (harness) => (harness.commit ? null : 'its driver can not tell'),
    run: async (harness) => {
      const ending = inboxOf(harness.store).once(GROUP, uuids(1), async (tx) => {
        await harness.commit?.(tx)
      })
      await assert.rejects(ending, TransactionError)
      assert.equal((await addOnce(harness, uuids(1))).size, 1)
    },
  },
  {
    title: 'a group or a uuid that can not be noted is refused before anything is done',
    run: async (harness) => {
      const refused = { code: 'ONCOMMIT_OPTION' }
      const wrong = [...uuids(1), 'no uuid']
      await assert.rejects(addOnce(harness, wrong), refused)
      for (const group of ['', 'a\0b'])
        await assert.rejects(addOnce(harness, uuids(1), { group }), refused)
      assert.equal(await harness.sum(), 0)
    },
  },
  {
    title: 'without its table it says what to do, and does nothing',
    run: async (harness) => {
      const store = await harness.openEmpty()
      const missing = { code: 'ONCOMMIT_SCHEMA', message: /npx oncommit migrate/ }
      await assert.rejects(addOnce(harness, uuids(1), { store }), missing)
      await assert.rejects(inboxOf(store).clean(0), missing)
      assert.equal(await harness.sum(), 0)
      await store.migrate()
      await addOnce(harness, uuids(1), { store })
      assert.equal(await harness.sum(), 1)
    },
  },
]

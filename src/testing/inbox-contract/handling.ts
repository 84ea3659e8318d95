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
    title: 'the transaction is not for work to end: it is refused, and nothing is committed',
    run: async (harness) => {
      const events = uuids(1)
      for (const statement of ['COMMIT', ' rollback;', '-- done\nEND', 'BEGIN']) {
        const ending = inboxOf(harness.store).once(GROUP, events, async (tx) => {
          await harness.add(tx, 1)
          await harness.execute(tx, statement)
        })
        await assert.rejects(ending, TransactionError, statement)
        assert.deepEqual([await harness.sum(), await harness.countNoted()], [0, 0], statement)
      }
      assert.equal((await addOnce(harness, events)).size, 1)
    },
  },
  {
    title: 'work may use savepoints',
    run: async (harness) => {
      await inboxOf(harness.store).once(GROUP, uuids(1), async (tx) => {
        await harness.execute(tx, 'SAVEPOINT a')
        await harness.add(tx, 1)
        await harness.execute(tx, 'ROLLBACK TO a')
        await harness.add(tx, 2)
        await harness.execute(tx, 'RELEASE a')
      })
      assert.equal(await harness.sum(), 2)
    },
  },
  {
    title:
      'what is executed on the transaction after the work is refused, also while another is open',
    run: async (harness) => {
      let kept: unknown
      await inboxOf(harness.store).once(GROUP, uuids(1), async (tx) => {
        kept = tx
        await harness.add(tx, 1)
      })
      const late = async (): Promise<unknown> => harness.add(kept, 10)
      const lateSend = async (): Promise<unknown> => harness.store.append(kept, [eventOf('a')])
      const refuse = async (): Promise<void> => {
        await assert.rejects(late, TransactionError)
        await assert.rejects(lateSend, TransactionError)
      }
      await refuse()
      await inboxOf(harness.store).once(GROUP, uuids(1), refuse)
      assert.deepEqual([await harness.sum(), await harness.countSent()], [1, 0])
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

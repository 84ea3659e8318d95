import assert from 'node:assert/strict'
import { TransactionError } from '../../core/errors.ts'
import type { ContractCase } from '../contract-case.ts'
import { ContractRelay } from './contract-relay.ts'
import { eventOf, eventsOf, idsOf, numbered, send, type StoreHarness, textsOf } from './harness.ts'

/** Throws what it threw before, so that the transaction is rolled back. */
async function rollBack(
  harness: StoreHarness,
  work: (tx: unknown) => Promise<void>,
): Promise<void> {
  const reason = new Error('rolled back by the case')
  await assert.rejects(
    harness.transaction(async (tx) => {
      await work(tx)
      throw reason
    }),
    (error) => error === reason,
  )
}

/** What `append` promises of the caller's transaction. */
export const appendingCases: readonly ContractCase<StoreHarness>[] = [
  {
    title: 'an event exists when its transaction has committed, and not before',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await harness.transaction(async (tx) => {
        await harness.store.append(tx, [eventOf('a'), eventOf('b')])
        assert.deepEqual(textsOf(await relay.fetchAll()), [])
      })
      assert.deepEqual(textsOf(await relay.fetchAll()), ['a', 'b'])
      assert.equal((await harness.storedUuids()).length, 2)
    },
  },
  {
    title: 'nothing is left of an event whose transaction was rolled back',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await rollBack(harness, async (tx) => {
        await harness.store.append(tx, [eventOf('one')])
        await harness.store.append(tx, eventsOf(numbered(20)))
      })
      assert.deepEqual(textsOf(await relay.fetchAll()), [])
      assert.deepEqual(await harness.storedUuids(), [])
      assert.equal((await relay.session.backlog()).pending, 0)
      await send(harness, eventOf('after'))
      assert.deepEqual(textsOf(await relay.fetch()), ['after'])
    },
  },
  {
    title: 'events keep the order in which they were sent',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness, ...eventsOf(['0', '1', '2']))
      await harness.transaction(async (tx) => {
        await harness.store.append(tx, [eventOf('3')])
        await harness.store.append(tx, eventsOf(['4', '5']))
        await harness.other.append(tx, [eventOf('6')])
      })
      await send(harness, eventOf('7'))
      const batch = await relay.fetch()
      assert.deepEqual(textsOf(batch), numbered(8))
      const ids = idsOf(batch)
      assert.ok(ids.every((id, at) => at === 0 || id > (ids[at - 1] ?? id)))
    },
  },
  {
    title: 'thousands of events of one call keep their order',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      const texts = numbered(5_003)
      await send(harness, ...texts.map((text, at) => eventOf(text, { key: `${at % 7}` })))
      assert.deepEqual(textsOf(await relay.fetch()), texts)
    },
  },
  {
    title: 'a call without events adds none',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness)
      await harness.transaction(async (tx) => {
        await harness.store.append(tx, [])
        await harness.store.append(tx, [eventOf('a')])
      })
      assert.deepEqual(textsOf(await relay.fetch()), ['a'])
    },
  },
  {
    title: 'what is no open transaction is refused, and nothing is written',
    run: async (harness) => {
      const others = [
        ['nothing', undefined],
        ['null', null],
        ['a text', 'tx'],
        ['an object', {}],
      ] as const
      for (const [what, tx] of [...others, ...harness.notTransactions])
        for (const events of [[eventOf('a')], eventsOf(['b', 'c'])])
          await assert.rejects(
            async () => harness.store.append(tx, events),
            (error) => error instanceof TransactionError,
            what,
          )
      assert.deepEqual(await harness.storedUuids(), [])
      await using relay = await ContractRelay.enroll(harness.store)
      assert.deepEqual(textsOf(await relay.fetchAll()), [])
    },
  },
]

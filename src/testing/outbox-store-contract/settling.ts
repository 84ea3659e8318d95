import assert from 'node:assert/strict'
import { toRanges } from '../../core/id-ranges.ts'
import type { ContractCase } from '../contract-case.ts'
import { ContractRelay, keyScope } from './contract-relay.ts'
import {
  eventOf,
  eventsOf,
  idsOf,
  numbered,
  onlyConcurrent,
  send,
  type StoreHarness,
  textsOf,
  until,
} from './harness.ts'
import { OpenTransaction } from './open-transaction.ts'

/** A relay with all lanes, and events that it has fetched. */
async function fetched(
  harness: StoreHarness,
  count: number,
): Promise<{ relay: ContractRelay; ids: readonly bigint[] }> {
  const relay = await ContractRelay.owning(harness.store)
  await send(harness, ...eventsOf(numbered(count)))
  return { relay, ids: idsOf(await relay.fetch()) }
}

/** What `settle` promises. */
export const settlingCases: readonly ContractCase<StoreHarness>[] = [
  {
    title: 'what is settled is not delivered again, and nothing else is taken off',
    run: async (harness) => {
      const { relay, ids } = await fetched(harness, 6)
      await using _ = relay
      assert.equal(await relay.settle(ids.filter((_id, at) => at !== 1 && at !== 4)), true)
      assert.deepEqual(textsOf(await relay.fetchAll()), ['1', '4'])
      assert.equal((await relay.session.backlog()).pending, 2)
      await using other = await ContractRelay.enroll(harness.other)
      assert.deepEqual(textsOf(await other.fetch()), ['1', '4'])
      assert.equal((await harness.storedUuids()).length, 6, 'they are delivered, not forgotten')
    },
  },
  {
    title: 'settles hundreds of runs of ids at once',
    run: async (harness) => {
      const { relay, ids } = await fetched(harness, 2_000)
      await using _ = relay
      assert.equal(await relay.settle(ids.filter((_id, at) => at % 2 === 0)), true)
      const odd = numbered(2_000).filter((_text, at) => at % 2 === 1)
      assert.deepEqual(textsOf(await relay.fetchAll()), odd)
    },
  },
  {
    title: 'a batch is settled once: its number and those below it are known',
    run: async (harness) => {
      const { relay, ids } = await fetched(harness, 5)
      await using _ = relay
      assert.equal(await relay.settle(ids.slice(0, 1), 2), true)
      assert.equal(await relay.settle(ids.slice(0, 1), 2), false)
      assert.equal(await relay.settle(ids.slice(1, 2), 2), false)
      assert.equal(await relay.settle(ids.slice(1, 2), 1), false)
      assert.deepEqual(textsOf(await relay.fetchAll()), ['1', '2', '3', '4'])
      assert.equal(await relay.settle(ids.slice(1, 2), 5), true)
      assert.deepEqual(textsOf(await relay.fetchAll()), ['2', '3', '4'])
    },
  },
  {
    title: 'numbers of batches are those of one relay',
    run: async (harness) => {
      const { relay, ids } = await fetched(harness, 3)
      await using _ = relay
      await using other = await ContractRelay.enroll(harness.other)
      assert.equal(await relay.settle(ids.slice(0, 1), 7), true)
      assert.equal(await other.settle(ids.slice(1, 2), 1), true)
      assert.equal(await relay.settle(ids.slice(2), 1), false)
      assert.deepEqual(textsOf(await relay.fetchAll()), ['2'])
    },
  },
  {
    title: 'of two who settle one batch at once, one does',
    run: async (harness) => {
      const { relay, ids } = await fetched(harness, 20)
      await using _ = relay
      await using other = await ContractRelay.enroll(harness.other)
      for (const [at, id] of ids.entries()) {
        const batch = { relayId: relay.id, number: at + 1, ids: toRanges([id]), acks: [] }
        const answers = await Promise.all([
          relay.session.settle(batch),
          other.session.settle(batch),
        ])
        assert.equal(answers.filter(Boolean).length, 1)
      }
      assert.deepEqual(textsOf(await relay.fetchAll()), [])
    },
  },
  {
    title: 'settling needs no lanes and no lease: it is a fact',
    run: async (harness) => {
      const { relay, ids } = await fetched(harness, 3)
      await using _ = relay
      await relay.session.release(relay.id, relay.lanes)
      assert.equal(await relay.settle(ids.slice(0, 1)), true)
      await harness.expire(relay.id)
      assert.equal(await relay.settle(ids.slice(1, 2)), true)
      assert.equal(await relay.session.markFenced(relay.id), relay.fence)
      assert.equal(await relay.settle(ids.slice(2)), true)
      assert.deepEqual(textsOf(await relay.fetchAll()), [])
    },
  },
  {
    title: 'the batch of a dead relay is settled by another, once, whoever comes first',
    run: async (harness) => {
      const { relay: dead, ids } = await fetched(harness, 4)
      await using _ = dead
      await using successor = await ContractRelay.enroll(harness.other)
      await harness.expire(dead.id)
      assert.equal(await successor.session.markFenced(dead.id), dead.fence)
      const batch = { relayId: dead.id, number: 1, ids: toRanges(ids.slice(0, 2)), acks: [] }
      assert.equal(await successor.session.settle(batch), true)
      assert.equal(await successor.session.settle(batch), false)
      assert.equal(await dead.settle(ids.slice(0, 2), 1), false, 'it wakes up, too late')
      assert.equal(await dead.settle(ids.slice(2, 3), 2), true)
      assert.deepEqual(textsOf(await successor.fetchAll()), ['3'])
      await successor.session.bury(dead.id)
      assert.equal(await successor.session.settle(batch), false)
      assert.deepEqual(textsOf(await successor.fetchAll()), ['3'])
    },
  },
  {
    title: 'a held event that is published is settled like any other',
    run: async (harness) => {
      const { relay, ids } = await fetched(harness, 4)
      await using _ = relay
      const [head] = (await relay.fetchAll()).events
      assert.ok(head !== undefined)
      await relay.park(keyScope(head), ids.slice(0, 3))
      const [entry] = await relay.blocked()
      assert.equal(await relay.settle([...ids.slice(0, 2), ...ids.slice(3)]), true)
      assert.deepEqual(textsOf(await relay.held([entry?.id ?? 0n])), ['2'])
      assert.deepEqual(textsOf(await relay.fetchAll()), [])
      assert.equal((await relay.session.backlog()).held, 1)
    },
  },
  {
    title: 'ids are never given again, when all events before them are gone either',
    run: async (harness) => {
      const { relay, ids } = await fetched(harness, 3)
      await using _ = relay
      await relay.settle(ids)
      const isGone = async (): Promise<boolean> => {
        await relay.clean()
        return (await harness.storedUuids()).length === 0
      }
      await until(isGone, 'all that was published is forgotten')
      await send(harness, eventOf('new'))
      const batch = await relay.fetch()
      assert.deepEqual(textsOf(batch), ['new'])
      assert.ok((idsOf(batch)[0] ?? 0n) > (ids.at(-1) ?? 0n))
    },
  },
  {
    title: "a relay's statements are no part of what a caller has open",
    unless: onlyConcurrent,
    run: async (harness) => {
      const { relay, ids } = await fetched(harness, 3)
      await using _ = relay
      await using doomed = await OpenTransaction.begin(harness)
      await doomed.append(eventOf('never'))
      assert.equal(await relay.settle(ids.slice(0, 1)), true)
      await doomed.rollBack()
      assert.deepEqual(textsOf(await relay.fetchAll()), ['1', '2'])
    },
  },
]

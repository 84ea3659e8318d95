import assert from 'node:assert/strict'
import { toRanges } from '../../core/id-ranges.ts'
import type { ContractCase } from '../contract-case.ts'
import { ContractRelay } from './contract-relay.ts'
import {
  eventOf,
  eventsOf,
  idsOf,
  onlyConcurrent,
  send,
  type StoreHarness,
  textsOf,
} from './harness.ts'
import { OpenTransaction } from './open-transaction.ts'
import { runSchedule } from './schedule.ts'

const SEEDS = [1, 2, 3, 4]

/** What `fetch` promises of transactions that commit behind younger ones. */
export const lateCommitCases: readonly ContractCase<StoreHarness>[] = [
  {
    title: 'fetches what commits late, before what its key has sent since',
    unless: onlyConcurrent,
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await using late = await OpenTransaction.begin(harness)
      await late.append(eventOf('late', { key: 'k' }))
      await send(harness, ...eventsOf(['young', 'younger'], { key: 'other' }))
      const batch = await relay.fetch()
      assert.deepEqual(textsOf(batch), ['young', 'younger'])
      const inHand = toRanges(idsOf(batch))
      for (let fetches = 0; fetches < 4; fetches++)
        assert.deepEqual(textsOf(await relay.fetch({ inHand })), [])
      await late.commit()
      await send(harness, eventOf('since', { key: 'k' }))
      assert.deepEqual(textsOf(await relay.fetch({ inHand })), ['late', 'since'])
    },
  },
  {
    title: 'fetches what commits late when younger ones are settled',
    unless: onlyConcurrent,
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await using late = await OpenTransaction.begin(harness)
      await late.append(eventOf('late'))
      for (const text of ['0', '1', '2']) {
        await send(harness, eventOf(text))
        const batch = await relay.fetch()
        assert.deepEqual(textsOf(batch), [text])
        await relay.settle(idsOf(batch))
      }
      await late.commit()
      assert.deepEqual(textsOf(await relay.fetch()), ['late'])
    },
  },
  {
    title: 'fetches what commits late, one event at a time, in order',
    unless: onlyConcurrent,
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await using late = await OpenTransaction.begin(harness)
      await late.append(eventOf('0'), eventOf('1'))
      await send(harness, ...eventsOf(['a', 'b'], { key: 'other' }))
      const ids: bigint[] = []
      const next = async (): Promise<readonly string[]> => {
        const inHand = toRanges(ids.toSorted((a, b) => (a < b ? -1 : 1)))
        const batch = await relay.fetch({ inHand, maxEvents: 1 })
        ids.push(...idsOf(batch))
        return textsOf(batch)
      }
      assert.deepEqual(await next(), ['a'])
      await late.commit()
      await send(harness, eventOf('2'))
      const rest: string[] = []
      for (let fetches = 0; fetches < 8; fetches++) rest.push(...(await next()))
      assert.deepEqual(
        rest.filter((text) => text !== 'b'),
        ['0', '1', '2'],
      )
      assert.equal(rest.length, 4)
    },
  },
  {
    title: 'fetches all of a long transaction when it commits, whenever it sent them',
    unless: onlyConcurrent,
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await using long = await OpenTransaction.begin(harness)
      const ids: bigint[] = []
      for (const text of ['0', '1', '2']) {
        await long.append(eventOf(text))
        await send(harness, eventOf(`short ${text}`, { key: 'other' }))
        const batch = await relay.fetch({ inHand: toRanges(ids) })
        assert.deepEqual(textsOf(batch), [`short ${text}`])
        ids.push(...idsOf(batch))
      }
      await long.commit()
      assert.deepEqual(textsOf(await relay.fetch({ inHand: toRanges(ids) })), ['0', '1', '2'])
    },
  },
  {
    title: 'an open transaction holds nobody else back, and its end without commit loses nothing',
    unless: onlyConcurrent,
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await using doomed = await OpenTransaction.begin(harness)
      await doomed.append(eventOf('never'))
      await send(harness, eventOf('a'))
      const batch = await relay.fetch()
      assert.deepEqual(textsOf(batch), ['a'])
      await doomed.rollBack()
      await send(harness, eventOf('b'))
      assert.deepEqual(textsOf(await relay.fetch({ inHand: toRanges(idsOf(batch)) })), ['b'])
      assert.deepEqual(textsOf(await relay.fetchAll()), ['a', 'b'])
    },
  },
  {
    title: 'loses, doubles and reorders nothing, in whatever order transactions begin and end',
    unless: onlyConcurrent,
    run: async (harness) => {
      for (const seed of SEEDS) await runSchedule(harness, seed)
    },
  },
]

import assert from 'node:assert/strict'

import type { ContractCase } from '../contract-case.ts'
import { addOnce, inboxOf, type InboxHarness, uuids } from './harness.ts'

const HOUR_MS = 3_600_000

/** What forgetting promises. */
export const cleaningCases: readonly ContractCase<InboxHarness>[] = [
  {
    title: 'forgets what was handled longer ago than the retention, and nothing else',
    run: async (harness) => {
      await harness.fill(2_500, 2 * HOUR_MS)
      await harness.fill(10, HOUR_MS / 2)
      const events = uuids(1)
      await addOnce(harness, events)
      assert.equal(await inboxOf(harness.store).clean(HOUR_MS), 2_500)
      assert.equal(await harness.countNoted(), 11)
      assert.equal(await inboxOf(harness.store).clean(HOUR_MS), 0)
      assert.equal((await addOnce(harness, events)).size, 0)
    },
  },
  {
    title: 'any number of processes may ask to clean: together they forget each once',
    run: async (harness) => {
      await harness.fill(3_500, HOUR_MS)
      const { store, other } = harness
      const counts = await Promise.all([store, other, store].map((one) => inboxOf(one).clean(1)))
      const rest = await inboxOf(other).clean(1)
      assert.equal(
        counts.reduce((sum, count) => sum + count, rest),
        3_500,
      )
      assert.equal(await harness.countNoted(), 0)
    },
  },
  {
    title: 'keeps for 7 days, unless the store says otherwise',
    run: async (harness) => {
      await harness.fill(3, 7.1 * 24 * HOUR_MS)
      await harness.fill(5, 6.9 * 24 * HOUR_MS)
      assert.equal(await inboxOf(harness.store).clean(), 3)
      assert.equal(await harness.countNoted(), 5)
    },
  },
  {
    title: 'ends after the chunk in hand when it is told to',
    run: async (harness) => {
      await harness.fill(2_500, HOUR_MS)
      const ending = new AbortController()
      const cleaning = inboxOf(harness.store).clean(1, { signal: ending.signal })
      while ((await harness.countNoted()) === 2_500);
      ending.abort()
      assert.equal(await cleaning, 2_500 - (await harness.countNoted()))
      assert.equal(await inboxOf(harness.store).clean(1, { signal: ending.signal }), 0)
    },
  },
  {
    title: 'an event that comes again after it was forgotten is new',
    run: async (harness) => {
      const events = uuids(1)
      await addOnce(harness, events)
      while ((await inboxOf(harness.store).clean(0)) === 0);
      assert.equal((await addOnce(harness, events)).size, 1)
    },
  },
  {
    title: 'refuses a retention that is no number of milliseconds',
    run: async ({ store }) => {
      for (const wrong of [-1, 1.5, Number.NaN, Infinity])
        await assert.rejects(inboxOf(store).clean(wrong), { code: 'ONCOMMIT_OPTION' })
    },
  },
]

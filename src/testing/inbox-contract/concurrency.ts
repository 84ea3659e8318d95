import assert from 'node:assert/strict'

import type { ContractCase } from '../contract-case.ts'
import { addOnce, GROUP, inboxOf, type InboxHarness, uuids } from './harness.ts'

/** What handling once promises to calls side by side. */
export const concurrencyCases: readonly ContractCase<InboxHarness>[] = [
  {
    title: 'two members at once have the effects of each event exactly once',
    run: async (harness) => {
      const events = uuids(200)
      const batches = [1, 3, 10].flatMap((size) =>
        Array.from({ length: Math.ceil(events.length / size) }, (_, n) =>
          events.slice(n * size, (n + 1) * size),
        ),
      )
      const member = async (store = harness.store, queue = [...batches]): Promise<number> => {
        let handled = 0
        const worker = async (): Promise<void> => {
          for (let batch = queue.pop(); batch !== undefined; batch = queue.pop()) {
            const fresh = await addOnce(harness, batch.toReversed(), { store })
            handled += fresh.size
          }
        }
        await Promise.all([worker(), worker(), worker()])
        return handled
      }
      const shares = await Promise.all([member(), member(harness.other, batches.toReversed())])
      assert.equal(shares[0] + shares[1], events.length)
      assert.equal(await harness.sum(), events.length)
    },
  },
  {
    title: 'a call with an event that another one has in hand waits, and then skips it',
    run: async (harness) => {
      const events = uuids(1)
      const { first, release, second } = await overlapping(harness, events)
      release.resolve()
      assert.equal((await first).size, 1)
      assert.equal((await second).size, 0)
      assert.equal(await harness.sum(), 1)
    },
  },
  {
    title: 'where the one that had it in hand fails, the one that waited handles it',
    run: async (harness) => {
      const events = uuids(1)
      const { first, release, second } = await overlapping(harness, events)
      const reason = new Error('refused')
      const refused = assert.rejects(first, (error) => error === reason)
      release.reject(reason)
      await refused
      assert.equal((await second).size, 1)
      assert.equal(await harness.sum(), 1)
    },
  },
]

/** A call that has the events in hand until it is released, and another with the same ones. */
async function overlapping(
  harness: InboxHarness,
  events: readonly string[],
): Promise<{
  first: Promise<ReadonlySet<string>>
  release: PromiseWithResolvers<void>
  second: Promise<ReadonlySet<string>>
}> {
  const [begun, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const first = inboxOf(harness.store).once(GROUP, events, async (tx) => {
    await harness.add(tx, 1)
    begun.resolve()
    await release.promise
  })
  first.catch((error: unknown) => begun.reject(error))
  await begun.promise
  let settled = false
  const second = addOnce(harness, events, { store: harness.other })
  second.then(
    () => (settled = true),
    () => (settled = true),
  )
  await harness.untilWaiting()
  assert.equal(settled, false)
  return { first, release, second }
}

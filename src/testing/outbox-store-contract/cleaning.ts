import assert from 'node:assert/strict'
import { BACKLOG_CAP } from '../../core/outbox-store.ts'
import type { ContractCase } from '../contract-case.ts'
import { ContractRelay, keyScope, TTL_MS } from './contract-relay.ts'
import {
  eventOf,
  eventsOf,
  idsOf,
  numbered,
  send,
  type StoreHarness,
  textsOf,
  until,
} from './harness.ts'

/** Cleans until nothing more is to be deleted; how many were, in each turn. */
async function cleanAll(relay: ContractRelay, limit: number): Promise<readonly number[]> {
  const deleted: number[] = []
  for (let isMore = true; isMore;) {
    const result = await relay.clean({ limit })
    assert.equal(result.elected, true)
    assert.ok(result.deleted <= limit)
    deleted.push(result.deleted)
    isMore = result.more
    assert.ok(deleted.length < 100, 'it comes to an end')
  }
  return deleted
}

/** Until what was settled last was published longer ago than no time at all. */
async function untilForgettable(relay: ContractRelay): Promise<void> {
  const began = performance.now()
  await until(async () => {
    await relay.session.backlog()
    return performance.now() - began > 2
  }, 'a moment is over')
}

/** What counting and cleaning promise. */
export const cleaningCases: readonly ContractCase<StoreHarness>[] = [
  {
    title: 'counts what waits, what is blocked, what is held and what is dead',
    run: async (harness) => {
      await using relay = await ContractRelay.owning(harness.store)
      const none = { pending: 0, oldestAgeMs: null, blocked: 0, held: 0, dead: 0 }
      assert.deepEqual(await relay.session.backlog(), none)
      await send(harness, ...eventsOf(numbered(7)))
      const { events } = await relay.fetch()
      const ids = events.map(({ id }) => id)
      const [head] = events
      assert.ok(head !== undefined)
      await relay.park(keyScope(head), ids.slice(0, 2))
      await harness.makeDead(ids[2] ?? 0n)
      await relay.settle(ids.slice(3, 4))
      const { oldestAgeMs, ...counts } = await relay.session.backlog()
      assert.deepEqual(counts, { pending: 3, blocked: 1, held: 2, dead: 1 })
      assert.ok(oldestAgeMs !== null && oldestAgeMs >= 0 && oldestAgeMs < 60_000)
      await relay.settle(ids.slice(4))
      assert.equal((await relay.session.backlog()).oldestAgeMs, null)
    },
  },
  {
    title: 'says how long the oldest event has waited',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      const age = async (): Promise<number> => (await relay.session.backlog()).oldestAgeMs ?? -1
      await send(harness, eventOf('old', { timestamp: new Date(0) }))
      const [old] = idsOf(await relay.fetch())
      await until(async () => (await age()) >= 200, 'the event is 200 ms old')
      const before = performance.now()
      await send(harness, eventOf('new', { timestamp: new Date(0) }))
      assert.ok((await age()) >= 200)
      await relay.settle([old ?? 0n])
      const ofNew = await age()
      assert.ok(ofNew >= 0 && ofNew <= performance.now() - before + 50, `${ofNew} ms`)
    },
  },
  {
    title: 'counts up to a cap',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      const one = eventOf('')
      const events = Array.from({ length: BACKLOG_CAP + 1 }, () =>
        eventOf('', { payload: one.payload }),
      )
      await send(harness, ...events)
      assert.equal((await relay.session.backlog()).pending, BACKLOG_CAP)
    },
  },
  {
    title: 'forgets what was published, in turns of a limit, and says when there may be more',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness, ...eventsOf(numbered(12)))
      const ids = idsOf(await relay.fetch())
      await relay.settle(ids.slice(0, 7))
      await relay.settle(ids.slice(7, 11))
      await untilForgettable(relay)
      const first = await relay.clean({ limit: 4 })
      assert.deepEqual(first, { elected: true, deleted: 4, more: true })
      const rest = await cleanAll(relay, 4)
      assert.equal(
        rest.reduce((sum, count) => sum + count, 0),
        7,
      )
      assert.equal((await harness.storedUuids()).length, 1)
      assert.deepEqual(await relay.clean(), { elected: true, deleted: 0, more: false })
    },
  },
  {
    title: 'forgets nothing that is pending, held or dead, published before or not',
    run: async (harness) => {
      await using relay = await ContractRelay.owning(harness.store)
      const events = eventsOf(['published', 'pending', 'held', 'dead', 'published, then dead', 'z'])
      await send(harness, ...events)
      const fetched = (await relay.fetch()).events
      const ids = fetched.map(({ id }) => id)
      const [head] = fetched
      assert.ok(head !== undefined)
      await relay.park(keyScope(head), ids.slice(2, 3))
      await harness.makeDead(ids[3] ?? 0n)
      await relay.settle([...ids.slice(0, 1), ...ids.slice(4)])
      await harness.makeDead(ids[4] ?? 0n)
      await untilForgettable(relay)
      const deleted = await cleanAll(relay, 2)
      assert.equal(
        deleted.reduce((sum, count) => sum + count, 0),
        2,
      )
      const kept = events.slice(1, 5).map(({ uuid }) => uuid)
      assert.deepEqual((await harness.storedUuids()).toSorted(), kept.toSorted())
      assert.deepEqual(textsOf(await relay.fetchAll()), ['pending'])
      const [entry] = await relay.blocked()
      assert.deepEqual(textsOf(await relay.held([entry?.id ?? 0n])), ['held'])
      assert.equal((await relay.session.backlog()).dead, 2)
    },
  },
  {
    title: 'the retention counts from the publishing, however long ago an event was sent',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      // Longer, where this machine was too slow to tell.
      for (let retentionMs = 300; ; retentionMs *= 2) {
        const event = eventOf('a', { timestamp: new Date(0) })
        await send(harness, event)
        const [id] = idsOf(await relay.fetch())
        const isOld = async (): Promise<boolean> =>
          ((await relay.session.backlog()).oldestAgeMs ?? 0) > retentionMs
        await until(isOld, 'the event is old')
        const began = performance.now()
        await relay.settle([id ?? 0n])
        await relay.clean({ retentionMs })
        const stored = await harness.storedUuids()
        if (performance.now() - began >= retentionMs) continue
        assert.deepEqual(stored, [event.uuid])
        const isGone = async (): Promise<boolean> =>
          (await relay.clean({ retentionMs })).deleted === 1
        await until(isGone, 'the event was published long enough ago')
        assert.ok(performance.now() - began >= retentionMs)
        return
      }
    },
  },
  {
    title: 'one cleans at a time: the others are not elected, and delete nothing',
    run: async (harness) => {
      await using one = await ContractRelay.enroll(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      await send(harness, ...eventsOf(numbered(3)))
      await one.settle(idsOf(await one.fetch()))
      await untilForgettable(one)
      const relays = [one, two]
      const results = await Promise.all(relays.map((relay) => relay.clean({ limit: 1 })))
      const elected = results.filter((result) => result.elected)
      assert.deepEqual(elected, [{ elected: true, deleted: 1, more: true }])
      const others = results.filter((result) => !result.elected)
      assert.deepEqual(others, [{ elected: false, deleted: 0, more: false }])
      const [cleaner, waiting] = results[0]?.elected === true ? [one, two] : [two, one]
      assert.equal((await waiting.clean()).elected, false)
      assert.deepEqual(await cleaner.clean(), { elected: true, deleted: 2, more: false })
      assert.deepEqual(await waiting.clean(), { elected: false, deleted: 0, more: false })
    },
  },
  {
    title: 'another cleans when the one who did has not come back in time',
    run: async (harness) => {
      await using one = await ContractRelay.enroll(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      const options = { retentionMs: 0, limit: 10 }
      await one.session.clean(one.id, { ...options, leaseMs: 1 })
      const isElected = async (): Promise<boolean> =>
        (await two.session.clean(two.id, { ...options, leaseMs: TTL_MS })).elected
      await until(isElected, 'the other is elected')
      assert.equal((await one.clean()).elected, false)
    },
  },
]

import assert from 'node:assert/strict'
import { toRanges } from '../../core/id-ranges.ts'
import type { StoredEvent } from '../../core/event.ts'
import type { BlockedEntry, BlockedScope } from '../../core/outbox-store.ts'
import type { ContractCase } from '../contract-case.ts'
import { ContractRelay, keyScope } from './contract-relay.ts'
import {
  eventOf,
  eventsOf,
  idsOf,
  numbered,
  onlyLanes,
  send,
  type StoreHarness,
  textsOf,
} from './harness.ts'

interface Opened extends AsyncDisposable {
  readonly relay: ContractRelay
  readonly events: readonly StoredEvent[]
  readonly ids: readonly bigint[]
  /** The block of the key that they share. */
  readonly scope: BlockedScope
}

/** A relay with all lanes, and events of one key that it has fetched. */
async function open(harness: StoreHarness, count: number): Promise<Opened> {
  const relay = await ContractRelay.owning(harness.store)
  await send(harness, ...eventsOf(numbered(count), { key: 'k' }))
  const { events } = await relay.fetch()
  const [head] = events
  assert.ok(head !== undefined)
  return {
    relay,
    events,
    ids: events.map(({ id }) => id),
    scope: keyScope(head),
    [Symbol.asyncDispose]: async () => relay[Symbol.asyncDispose](),
  }
}

async function onlyEntry(relay: ContractRelay): Promise<BlockedEntry> {
  const [entry, ...more] = await relay.blocked()
  assert.ok(entry !== undefined && more.length === 0, 'there is one entry')
  return entry
}

function scopeOf({ topic, key, eventId, lane }: BlockedScope): BlockedScope {
  return { topic, key, eventId, lane }
}

const first = (a: bigint, b: bigint): number => (a < b ? -1 : 1)

/** What parking, held events and unblocking promise. */
export const blockingCases: readonly ContractCase<StoreHarness>[] = [
  {
    title: 'parked events are held under what blocks them, in order, as they were sent',
    run: async (harness) => {
      await using opened = await open(harness, 4)
      const { relay, events, ids, scope } = opened
      assert.deepEqual(await relay.park(scope, ids.slice(0, 3), 'zu groß'), ids.slice(0, 3))
      assert.deepEqual(textsOf(await relay.fetchAll()), ['3'])
      const entry = await onlyEntry(relay)
      assert.deepEqual(entry, {
        ...scope,
        id: entry.id,
        error: 'zu groß',
        state: 'draining',
        attempts: 0,
      })
      const held = await relay.held([entry.id])
      assert.deepEqual(held, { events: events.slice(0, 3), full: false })
      await send(harness, eventOf('4', { key: 'k' }))
      assert.deepEqual(textsOf(await relay.fetchAll()), ['3', '4'], 'later ones are not held')
    },
  },
  {
    title: 'a block can be recorded without events',
    run: async (harness) => {
      await using opened = await open(harness, 1)
      const { relay, scope } = opened
      assert.deepEqual(await relay.park(scope, [], 'why'), [])
      const entry = await onlyEntry(relay)
      assert.deepEqual({ ...scopeOf(entry), error: entry.error }, { ...scope, error: 'why' })
      assert.deepEqual(textsOf(await relay.held([entry.id])), [])
      assert.deepEqual(textsOf(await relay.fetchAll()), ['0'])
    },
  },
  {
    title: 'parking more adds to the entry that is there',
    run: async (harness) => {
      await using opened = await open(harness, 4)
      const { relay, ids, scope } = opened
      await relay.park(scope, ids.slice(0, 1))
      const { id } = await onlyEntry(relay)
      assert.deepEqual(await relay.park(scope, ids.slice(2)), ids.slice(2))
      assert.deepEqual(await relay.park(scope, ids.slice(0, 3)), ids.slice(1, 2))
      assert.equal((await onlyEntry(relay)).id, id)
      assert.deepEqual(textsOf(await relay.held([id])), numbered(4))
    },
  },
  {
    title: 'what is not waiting is not parked',
    run: async (harness) => {
      await using opened = await open(harness, 2)
      const { relay, ids, scope } = opened
      await relay.settle(ids.slice(0, 1))
      const unknown = (ids.at(-1) ?? 0n) + 1_000n
      assert.deepEqual(await relay.park(scope, [...ids, unknown]), ids.slice(1))
      assert.deepEqual(textsOf(await relay.held([(await onlyEntry(relay)).id])), ['1'])
    },
  },
  {
    title: 'keys, keyless events, topics and lanes that are blocked are told apart',
    run: async (harness) => {
      await using relay = await ContractRelay.owning(harness.store)
      const base = { topic: 't', key: null, eventId: null, lane: 0 }
      const scopes: BlockedScope[] = [
        { ...base, key: '' },
        { ...base, key: 'k' },
        { ...base, key: 'K' },
        { ...base, key: 'k ' },
        { ...base, key: '7' },
        { ...base, key: 'é🔑' },
        { ...base, key: 'e\u0301🔑' },
        { ...base, key: 'k'.repeat(10_000) },
        { ...base, key: `${'k'.repeat(10_000)}K` },
        { ...base, eventId: 7n },
        { ...base, eventId: 0n },
        { ...base, eventId: 9_007_199_254_740_993n },
        base,
        { ...base, topic: 'T' },
        { ...base, topic: 'T', key: 'k' },
      ]
      if (harness.store.lanes > 1) scopes.push({ ...base, lane: 1 })
      const parked = scopes.map((scope, at) => ({ scope, error: `${at}`, ids: [] }))
      for (let times = 0; times < 2; times++) await relay.session.park(relay.id, parked)
      const found = (await relay.blocked()).toSorted((a, b) => Number(a.error) - Number(b.error))
      assert.deepEqual(found.map(scopeOf), scopes)
      assert.equal(new Set(found.map(({ id }) => id)).size, scopes.length)
    },
  },
  {
    title: 'events that another entry holds are moved to what blocks them now',
    run: async (harness) => {
      await using opened = await open(harness, 4)
      const { relay, ids, scope } = opened
      const topic = { ...scope, key: null }
      await relay.park(topic, ids.slice(0, 3))
      const moved = await relay.park(scope, ids.slice(1))
      assert.deepEqual(moved.toSorted(first), ids.slice(1))
      const entries = await relay.blocked()
      const heldBy = async (key: string | null): Promise<readonly string[]> => {
        const entry = entries.find((one) => one.key === key)
        return textsOf(await relay.held([entry?.id ?? -1n]))
      }
      assert.deepEqual(await heldBy(null), ['0'])
      assert.deepEqual(await heldBy('k'), ['1', '2', '3'])
      assert.deepEqual(textsOf(await relay.fetchAll()), [])
      assert.equal((await relay.session.backlog()).held, 4)
    },
  },
  {
    title: 'several blocks are parked at once, each under its own entry',
    run: async (harness) => {
      await using relay = await ContractRelay.owning(harness.store)
      await send(harness, ...numbered(12).map((text) => eventOf(text, { key: `${+text % 3}` })))
      const { events } = await relay.fetch()
      const byKey = [...Map.groupBy(events, ({ key }) => key).values()]
      const parked = byKey.map((ofKey) => ({
        scope: keyScope(ofKey[0] ?? assert.fail()),
        error: 'refused',
        ids: ofKey.map(({ id }) => id),
      }))
      const moved = await relay.session.park(relay.id, parked)
      assert.deepEqual(moved.toSorted(first), idsOf({ events, full: false }))
      const entries = await relay.blocked()
      for (const entry of entries) {
        const texts = numbered(12).filter((text) => `${+text % 3}` === entry.key)
        assert.deepEqual(textsOf(await relay.held([entry.id])), texts)
      }
      const all = entries.map(({ id }) => id)
      assert.deepEqual(textsOf(await relay.held(all)), numbered(12), 'in id order together')
    },
  },
  {
    title: 'held events are fetched within limits, without those in hand',
    run: async (harness) => {
      await using opened = await open(harness, 7)
      const { relay, ids, scope } = opened
      await relay.park(scope, ids)
      const { id } = await onlyEntry(relay)
      const shown = async (
        ...[changes]: [Parameters<ContractRelay['held']>[1]]
      ): Promise<readonly [readonly string[], boolean]> => {
        const batch = await relay.held([id], changes)
        return [textsOf(batch), batch.full]
      }
      const inHand = toRanges(ids.filter((_, at) => at < 2 || at === 4))
      assert.deepEqual(await shown({ inHand }), [['2', '3', '5', '6'], false])
      assert.deepEqual(await shown({ inHand, maxEvents: 3 }), [['2', '3', '5'], true])
      // 2 bytes each: a key and a payload of 1.
      assert.deepEqual(await shown({ inHand, maxBytes: 4 }), [['2', '3'], true])
      assert.deepEqual(await shown({ inHand, maxBytes: 1 }), [['2'], true])
      assert.deepEqual(await shown({ inHand: toRanges(ids) }), [[], false])
      assert.deepEqual(textsOf(await relay.held([])), [])
    },
  },
  {
    title: 'an entry is removed once all that it held is published',
    run: async (harness) => {
      await using opened = await open(harness, 3)
      const { relay, ids, scope } = opened
      await relay.park(scope, ids.slice(0, 2))
      const { id } = await onlyEntry(relay)
      assert.deepEqual(await relay.session.unblock(relay.id, [id]), [])
      await relay.settle(ids.slice(0, 1))
      assert.deepEqual(await relay.session.unblock(relay.id, [id]), [])
      assert.equal((await onlyEntry(relay)).id, id)
      await relay.settle(ids.slice(1, 2))
      assert.deepEqual(await relay.session.unblock(relay.id, [id]), [id])
      assert.deepEqual(await relay.blocked(), [])
      await relay.park(scope, ids.slice(2))
      const again = await onlyEntry(relay)
      assert.deepEqual(textsOf(await relay.held([again.id])), ['2'])
    },
  },
  {
    title: 'who does not own the lane parks and unblocks nothing',
    run: async (harness) => {
      await using opened = await open(harness, 2)
      const { relay, ids, scope } = opened
      await using stranger = await ContractRelay.enroll(harness.other)
      assert.deepEqual(await stranger.park(scope, ids), [])
      assert.deepEqual(await relay.blocked(), [])
      assert.deepEqual(textsOf(await relay.fetchAll()), ['0', '1'])
      await relay.park(scope, [])
      const { id } = await onlyEntry(relay)
      assert.deepEqual(await stranger.park(scope, ids), [])
      assert.deepEqual(await stranger.session.unblock(stranger.id, [id]), [])
      assert.equal((await onlyEntry(relay)).id, id)
      await relay.session.release(relay.id, relay.lanes)
      assert.deepEqual(await relay.park(scope, ids), [], 'nor who gave it back')
      assert.deepEqual(await relay.session.unblock(relay.id, [id]), [])
      await stranger.beat(({ free }) => free)
      assert.deepEqual(await stranger.park(scope, ids), ids)
    },
  },
  {
    title: 'of several blocks, those on lanes of others are left alone',
    unless: onlyLanes,
    run: async (harness) => {
      await using relay = await ContractRelay.owning(harness.store)
      await send(harness, ...numbered(50).map((text) => eventOf(text, { key: text })))
      const { events } = await relay.fetch()
      const [mine] = events
      const other = events.find(({ lane }) => lane !== mine?.lane)
      assert.ok(mine !== undefined && other !== undefined)
      await relay.session.release(relay.id, [other.lane])
      const parked = [other, mine].map((event) => ({
        scope: keyScope(event),
        error: 'refused',
        ids: [event.id],
      }))
      assert.deepEqual(await relay.session.park(relay.id, parked), [mine.id])
      assert.deepEqual(scopeOf(await onlyEntry(relay)), keyScope(mine))
      assert.deepEqual(
        textsOf(await relay.fetch({ lanes: [other.lane], fromStart: true })).slice(0, 1),
        [String(other.payload)],
      )
    },
  },
  {
    title: 'what is blocked is given for the lanes that are asked for, to everyone',
    run: async (harness) => {
      await using opened = await open(harness, 1)
      const { relay, scope } = opened
      await relay.park(scope, [])
      await using other = await ContractRelay.enroll(harness.other)
      const seen = await other.session.blocked([scope.lane])
      assert.deepEqual(seen.map(scopeOf), [scope])
      const elsewhere = relay.lanes.filter((lane) => lane !== scope.lane)
      assert.deepEqual(await other.session.blocked(elsewhere), [])
      assert.deepEqual(await other.session.blocked([]), [])
    },
  },
]

import assert from 'node:assert/strict'
import type { StoredEvent } from '../../core/event.ts'
import type { BlockedEntry } from '../../core/outbox-store.ts'
import type { ContractCase } from '../contract-case.ts'
import { ContractRelay, keyScope } from './contract-relay.ts'
import { eventOf, eventsOf, numbered, send, type StoreHarness, textsOf, until } from './harness.ts'

interface Opened extends AsyncDisposable {
  readonly relay: ContractRelay
  /** Fetched, and still to be delivered. */
  readonly events: readonly StoredEvent[]
  readonly head: StoredEvent
  readonly second: StoredEvent
}

/** A relay with all lanes, and four events of one key, or without one. */
async function open(harness: StoreHarness, key: string | null = 'k'): Promise<Opened> {
  const relay = await ContractRelay.owning(harness.store)
  await send(harness, ...eventsOf(numbered(4), { key }))
  const { events } = await relay.fetch()
  const [head, second] = events
  assert.ok(head !== undefined && second !== undefined)
  return {
    relay,
    events,
    head,
    second,
    [Symbol.asyncDispose]: async () => relay[Symbol.asyncDispose](),
  }
}

async function onlyEntry(relay: ContractRelay): Promise<BlockedEntry> {
  const [entry, ...more] = await relay.blocked()
  assert.ok(entry !== undefined && more.length === 0, 'there is one entry')
  return entry
}

const keys = (entries: readonly BlockedEntry[]): unknown => entries.map(({ key }) => key)

const later = { state: 'retrying', afterMs: 3_600_000 } as const
const atOnce = { state: 'retrying', afterMs: 0 } as const

/** What refusing, looking at what is due, and draining promise. */
export const refusingCases: readonly ContractCase<StoreHarness>[] = [
  {
    title:
      'a refused event heads its key, is held by it, and is tried again when its time has come',
    run: async (harness) => {
      await using opened = await open(harness)
      const { relay, head } = opened
      assert.deepEqual(await relay.refuse(head, later, 1, 'zu groß'), [head.id])
      const entry = await onlyEntry(relay)
      const { topic, key, lane, id: eventId } = head
      const told = { topic, key, lane, eventId, error: 'zu groß', state: 'retrying', attempts: 1 }
      assert.deepEqual(entry, { id: entry.id, ...told })
      assert.deepEqual(textsOf(await relay.held([entry.id])), ['0'])
      assert.deepEqual(textsOf(await relay.fetchAll()), ['1', '2', '3'], 'it moved once')
      assert.deepEqual(await relay.due(), [])
      await relay.refuse(head, { state: 'retrying', afterMs: 1 }, 2)
      await until(async () => (await relay.due()).length === 1, 'its time has come')
      assert.deepEqual(await relay.due(), [{ ...entry, error: 'refused', attempts: 2 }])
    },
  },
  {
    title: 'a refusal that is recorded twice counts once',
    run: async (harness) => {
      await using opened = await open(harness)
      const { relay, head } = opened
      for (let times = 0; times < 2; times++)
        assert.deepEqual(await relay.refuse(head, atOnce, 3), [head.id])
      const { id, attempts } = await onlyEntry(relay)
      assert.equal(attempts, 3)
      assert.deepEqual(textsOf(await relay.held([id])), ['0'])
    },
  },
  {
    title: 'a key has one entry: later events are parked under it, and a later head is its head',
    run: async (harness) => {
      await using opened = await open(harness)
      const { relay, head, second, events } = opened
      await relay.refuse(head, later)
      const { id } = await onlyEntry(relay)
      await relay.park(
        keyScope(head),
        events.slice(1).map((event) => event.id),
      )
      assert.equal((await onlyEntry(relay)).eventId, head.id, 'they do not change its head')
      assert.deepEqual(textsOf(await relay.held([id])), numbered(4))
      assert.deepEqual(textsOf(await relay.held([id], { maxOfEach: 1 })), ['0'])
      await relay.settle([head.id])
      await relay.refuse(second, { state: 'blocked' }, 1)
      const entry = await onlyEntry(relay)
      assert.deepEqual([entry.id, entry.eventId, entry.state], [id, second.id, 'blocked'])
      assert.deepEqual(await relay.due(), [], 'what is blocked waits for somebody')
    },
  },
  {
    title: 'a dead event waits nowhere any more, and its key is due to be drained',
    run: async (harness) => {
      await using opened = await open(harness)
      const { relay, head, events } = opened
      await relay.refuse(head, later)
      await relay.park(
        keyScope(head),
        events.slice(1).map(({ id }) => id),
      )
      assert.deepEqual(await relay.refuse(head, { state: 'dead' }, 2), [head.id])
      const { dead, held, pending } = await relay.session.backlog()
      assert.deepEqual({ dead, held, pending }, { dead: 1, held: 3, pending: 0 })
      const [entry, ...more] = await relay.due()
      assert.ok(entry !== undefined && more.length === 0)
      assert.equal(entry.state, 'draining')
      assert.deepEqual(textsOf(await relay.held([entry.id])), ['1', '2', '3'])
      assert.deepEqual(await relay.refuse(head, atOnce, 3), [], 'that is decided')
      assert.equal((await relay.session.backlog()).dead, 1)
    },
  },
  {
    title: 'an event without a key holds itself only, and dead leaves no entry behind',
    run: async (harness) => {
      await using opened = await open(harness, null)
      const { relay, head, second } = opened
      await relay.refuse(head, later)
      await relay.refuse(second, later)
      const entries = await relay.blocked()
      assert.deepEqual(
        entries.map(({ eventId }) => eventId),
        [head.id, second.id],
      )
      await relay.refuse(head, { state: 'dead' }, 2)
      assert.deepEqual(
        (await relay.blocked()).map(({ eventId }) => eventId),
        [second.id],
      )
      assert.equal((await relay.session.backlog()).dead, 1)
    },
  },
  {
    title: 'an event that was delivered is not refused any more',
    run: async (harness) => {
      await using opened = await open(harness)
      const { relay, head } = opened
      await relay.settle([head.id])
      assert.deepEqual(await relay.refuse(head, later), [])
      assert.deepEqual(await relay.refuse(head, { state: 'dead' }), [])
      assert.deepEqual(await relay.blocked(), [])
      assert.equal((await relay.session.backlog()).dead, 0)
    },
  },
  {
    title: 'what is due comes longest due first, for these lanes, without those topics, so many',
    run: async (harness) => {
      await using relay = await ContractRelay.owning(harness.store)
      const topics = ['a', 'b', 'c', 'a']
      const sent = topics.map((topic, at) => eventOf(`${at}`, { topic, key: `${at}` }))
      await send(harness, ...sent)
      const { events } = await relay.fetch()
      for (const [at, event] of events.toReversed().entries()) {
        // Each later than the one before, by the database's clock, which may stand still meanwhile.
        await relay.refuse(event, { state: 'retrying', afterMs: at })
        await until(async () => (await relay.due()).length === at + 1, 'it is due')
      }
      assert.deepEqual(keys(await relay.due()), ['3', '2', '1', '0'])
      assert.deepEqual(keys(await relay.due({ limit: 2 })), ['3', '2'])
      assert.deepEqual(keys(await relay.due({ exceptTopics: ['a', 'x"y'] })), ['2', '1'])
      assert.deepEqual(keys(await relay.due({ lanes: [] })), [])
    },
  },
  {
    title: 'what begins to drain is not due any more, and goes on to drain',
    run: async (harness) => {
      await using opened = await open(harness)
      const { relay, head } = opened
      await relay.refuse(head, atOnce)
      const { id } = await onlyEntry(relay)
      assert.deepEqual(await relay.session.drain(relay.id, [id, id + 1_000n]), [id])
      assert.deepEqual(await relay.due(), [])
      assert.equal((await onlyEntry(relay)).state, 'draining')
      await relay.settle([head.id])
      assert.deepEqual(await relay.session.unblock(relay.id, [id, id + 1_000n]), [id, id + 1_000n])
    },
  },
  {
    title: 'who does not own the lane refuses and drains nothing',
    run: async (harness) => {
      await using opened = await open(harness)
      const { relay, head, second } = opened
      await using stranger = await ContractRelay.enroll(harness.other)
      assert.deepEqual(await stranger.refuse(head, { state: 'dead' }), [])
      await relay.refuse(head, later)
      const entry = await onlyEntry(relay)
      assert.deepEqual(await stranger.refuse(second, later), [])
      assert.deepEqual(await stranger.session.drain(stranger.id, [entry.id]), [])
      assert.deepEqual(await onlyEntry(relay), entry)
      assert.equal((await relay.session.backlog()).dead, 0)
    },
  },
]

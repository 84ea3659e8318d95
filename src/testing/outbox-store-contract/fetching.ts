import assert from 'node:assert/strict'
import { toRanges } from '../../core/id-ranges.ts'
import type { FetchRequest } from '../../core/outbox-store.ts'
import type { ContractCase } from '../contract-case.ts'
import { ContractRelay } from './contract-relay.ts'
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

/** Fetches until no batch is full; the texts, batch by batch. */
async function drain(
  relay: ContractRelay,
  limits: Partial<FetchRequest>,
): Promise<readonly (readonly string[])[]> {
  const batches: (readonly string[])[] = []
  const inHand: bigint[] = []
  for (let isFull = true; isFull;) {
    const batch = await relay.fetch({ ...limits, inHand: toRanges(inHand) })
    if (batch.events.length > 0) batches.push(textsOf(batch))
    inHand.push(...idsOf(batch))
    isFull = batch.full
    assert.ok(!isFull || batch.events.length > 0, 'a full batch has events')
    assert.ok(batches.length < 100, 'it comes to an end')
  }
  return batches
}

/** What `fetch` promises where all transactions have ended. */
export const fetchingCases: readonly ContractCase<StoreHarness>[] = [
  {
    title: 'fetches nothing where nothing was sent',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      assert.deepEqual(await relay.fetch(), { events: [], full: false })
      assert.deepEqual(await relay.fetchAll(), { events: [], full: false })
    },
  },
  {
    title: 'fetches up to a number of events, and says that there may be more',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness, ...eventsOf(numbered(7)))
      const batches = await drain(relay, { maxEvents: 3 })
      assert.deepEqual(batches, [['0', '1', '2'], ['3', '4', '5'], ['6']])
    },
  },
  {
    title: 'fetches up to a number of bytes, and says that there may be more',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      // 4 bytes each: a key of 3 and a payload of 1.
      await send(harness, ...eventsOf(numbered(7), { key: 'key' }))
      const first = await relay.fetch({ maxBytes: 8 })
      assert.deepEqual([textsOf(first), first.full], [['0', '1'], true])
      relay.session.forgetPosition()
      const batches = await drain(relay, { maxBytes: 12 })
      assert.deepEqual(batches, [['0', '1', '2'], ['3', '4', '5'], ['6']])
    },
  },
  {
    title: 'fetches one event however large it is, and those behind it later',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      const huge = eventOf('', { payload: Buffer.alloc(100_000, 'x') })
      await send(harness, eventOf('before'), huge, huge, eventOf('behind'))
      const batches = await drain(relay, { maxBytes: 10 })
      const lengths = batches.map((texts) => texts.map(({ length }) => length))
      assert.deepEqual(lengths.flat(), [6, 100_000, 100_000, 6])
      // A batch may pass the limit by its last event, and by no more.
      for (const ofBatch of lengths) assert.ok(!ofBatch.slice(0, -1).includes(100_000))
    },
  },
  {
    title: 'is not full where it fetched all and no limit was reached',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness, ...eventsOf(numbered(3)))
      assert.equal((await relay.fetch({ maxEvents: 4, maxBytes: 1_000 })).full, false)
    },
  },
  {
    title: 'does not fetch again what is in hand, from the first id on either',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness, ...eventsOf(numbered(10)))
      const ids = idsOf(await relay.fetch())
      const inHand = toRanges(ids.filter((_, at) => at % 3 !== 1))
      for (const fromStart of [true, true]) {
        const batch = await relay.fetch({ inHand, fromStart })
        assert.deepEqual(textsOf(batch), ['1', '4', '7'])
      }
      await send(harness, eventOf('new'))
      assert.deepEqual(textsOf(await relay.fetch({ inHand: toRanges(ids) })), ['new'])
    },
  },
  {
    title: 'limits speak of what is fetched, not of what is in hand',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness, ...eventsOf(numbered(10)))
      const inHand = toRanges(idsOf(await relay.fetch()).slice(0, 8))
      const limits = { maxEvents: 3, maxBytes: 100, fromStart: true }
      const batch = await relay.fetch({ inHand, ...limits })
      assert.deepEqual([textsOf(batch), batch.full], [['8', '9'], false])
    },
  },
  {
    title: 'looks from the first id on when it is told to',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness, ...eventsOf(['a', 'b']))
      await relay.fetch()
      await send(harness, eventOf('c'))
      assert.deepEqual(textsOf(await relay.fetch({ fromStart: true })), ['a', 'b', 'c'])
      await relay.fetch({ maxEvents: 1, fromStart: true })
      assert.deepEqual(textsOf(await relay.fetch({ fromStart: true })), ['a', 'b', 'c'])
    },
  },
  {
    title: 'looks from the first id on once it has forgotten its position',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness, ...eventsOf(['a', 'b']))
      const ids = idsOf(await relay.fetch())
      const inHand = toRanges(ids)
      assert.deepEqual(textsOf(await relay.fetch({ inHand })), [])
      relay.session.forgetPosition()
      assert.deepEqual(textsOf(await relay.fetch()), ['a', 'b'])
      relay.session.forgetPosition()
      assert.deepEqual(textsOf(await relay.fetch({ inHand: toRanges(ids.slice(0, 1)) })), ['b'])
    },
  },
  {
    title: 'a session that is opened later fetches what was sent before',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness, ...eventsOf(['a', 'b']))
      await relay.fetch()
      await using successor = await ContractRelay.enroll(harness.other)
      assert.deepEqual(textsOf(await successor.fetch()), ['a', 'b'])
    },
  },
  {
    title: 'fetches nothing of no lanes',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness, eventOf('a'))
      assert.deepEqual(await relay.fetch({ lanes: [] }), { events: [], full: false })
      assert.deepEqual(textsOf(await relay.fetch({ fromStart: true })), ['a'])
    },
  },
  {
    title: 'fetches the events of the lanes that it is told, and of no other',
    unless: onlyLanes,
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness, ...numbered(50).map((text) => eventOf(text, { key: text })))
      const { events } = await relay.fetch()
      const byLane = Map.groupBy(events, ({ lane }) => lane)
      assert.ok(byLane.size > 1, 'keys are spread over lanes')
      for (const [lane, ofLane] of byLane) {
        const batch = await relay.fetch({ lanes: [lane], fromStart: true })
        assert.deepEqual(idsOf(batch), idsOf({ events: ofLane, full: false }))
      }
    },
  },
  {
    title: 'fetches the older events of a lane that was gained',
    unless: onlyLanes,
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      await send(harness, ...numbered(50).map((text) => eventOf(text, { key: text })))
      const { events } = await relay.fetch()
      const gained = events[0]?.lane ?? 0
      relay.session.forgetPosition()
      const lanes = relay.lanes.filter((lane) => lane !== gained)
      const before = await relay.fetch({ lanes })
      assert.ok(before.events.every(({ lane }) => lane !== gained))
      const inHand = toRanges(idsOf(before))
      // A store may look twice at what is new.
      for (let fetches = 0; fetches < 3; fetches++)
        assert.deepEqual(idsOf(await relay.fetch({ lanes, inHand })), [])
      const after = await relay.fetch({ inHand, fromStart: true })
      const older = events.filter(({ lane }) => lane === gained)
      assert.deepEqual(idsOf(after), idsOf({ events: older, full: false }))
    },
  },
]

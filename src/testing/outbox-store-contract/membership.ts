import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { RelayView } from '../../core/outbox-store.ts'
import type { ContractCase } from '../contract-case.ts'
import { ContractRelay, TTL_MS } from './contract-relay.ts'
import { onlyConcurrent, onlyLanes, type StoreHarness, until } from './harness.ts'

function sorted(lanes: readonly number[]): readonly number[] {
  return lanes.toSorted((a, b) => a - b)
}

const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1)

const neverAsked = (): readonly number[] => assert.fail('it was asked')

/** What heartbeats, claims and `release` promise. */
export const membershipCases: readonly ContractCase<StoreHarness>[] = [
  {
    title: 'a heartbeat shows the relays, the lanes that are free and those that it owns',
    run: async (harness) => {
      await using one = await ContractRelay.enroll(harness.store, 3)
      assert.deepEqual(await one.view(), {
        relays: [{ id: one.id, protocol: 3, state: 'live', lanes: 0 }],
        owned: [],
        free: one.lanes,
      })
      await one.beat(({ free }) => free)
      await using two = await ContractRelay.enroll(harness.other, 4)
      const view = await two.view()
      assert.deepEqual(
        view.relays.toSorted(byId),
        [
          { id: one.id, protocol: 3, state: 'live', lanes: one.lanes.length },
          { id: two.id, protocol: 4, state: 'live', lanes: 0 },
        ].toSorted(byId),
      )
      assert.deepEqual([view.owned, view.free], [[], []])
      const again = await one.view()
      assert.deepEqual([sorted(again.owned), again.free], [one.lanes, []])
    },
  },
  {
    title: 'a heartbeat answers with what the relay owns after it',
    run: async (harness) => {
      await using relay = await ContractRelay.enroll(harness.store)
      const first = await relay.beat(({ free }) => free.slice(0, 1))
      assert.equal(first.owned.length, 1)
      assert.deepEqual(
        first.relays.map(({ id, state, lanes }) => [id, state, lanes]),
        [[relay.id, 'live', 1]],
      )
      const second = await relay.beat(({ free }) => free)
      assert.deepEqual(sorted(second.owned), relay.lanes)
      assert.deepEqual(sorted((await relay.beat()).owned), relay.lanes)
    },
  },
  {
    title: 'lanes that another relay has are left out of a claim',
    unless: onlyLanes,
    run: async (harness) => {
      await using one = await ContractRelay.enroll(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      await one.beat(() => [0, 1])
      const { owned } = await two.beat(() => [1, 2])
      assert.deepEqual(owned, [2])
      assert.deepEqual(sorted((await one.beat()).owned), [0, 1])
    },
  },
  {
    title: 'a lane never has two owners, however many claim it at once',
    run: async (harness) => {
      const relays: ContractRelay[] = []
      await using opened = new AsyncDisposableStack()
      for (const store of [harness.store, harness.other, harness.store])
        relays.push(opened.use(await ContractRelay.enroll(store)))
      for (let round = 0; round < 10; round++) {
        const ticks = await Promise.all(relays.map((relay) => relay.beat(() => relay.lanes)))
        const all = ticks.flatMap(({ owned }) => owned)
        assert.deepEqual(sorted(all), relays[0]?.lanes)
        await Promise.all(relays.map(({ id, session, lanes }) => session.release(id, lanes)))
      }
    },
  },
  {
    title: 'lanes that are released are free, and no others',
    run: async (harness) => {
      await using one = await ContractRelay.owning(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      await two.session.release(two.id, one.lanes)
      assert.deepEqual((await two.view()).free, [], 'nobody gives away what others own')
      await one.session.release(one.id, one.lanes.slice(0, 1))
      assert.deepEqual((await two.view()).free, one.lanes.slice(0, 1))
      assert.deepEqual(sorted((await one.view()).owned), one.lanes.slice(1))
      assert.deepEqual((await two.beat(({ free }) => free)).owned, one.lanes.slice(0, 1))
      await one.session.release(one.id, one.lanes.slice(0, 1))
      assert.deepEqual((await two.beat()).owned, one.lanes.slice(0, 1))
    },
  },
  {
    title: 'a relay whose time has run out is seen as expired, until its next heartbeat',
    run: async (harness) => {
      await using one = await ContractRelay.owning(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      const stateOfOne = async (): Promise<unknown> => {
        const { relays } = await two.view()
        return relays.find(({ id }) => id === one.id)
      }
      await harness.expire(one.id)
      const lanes = one.lanes.length
      assert.deepEqual(await stateOfOne(), { id: one.id, protocol: 1, state: 'expired', lanes })
      assert.deepEqual(sorted((await one.beat()).owned), one.lanes, 'nobody has fenced it')
      assert.deepEqual(await stateOfOne(), { id: one.id, protocol: 1, state: 'live', lanes })
      assert.equal(await two.session.markFenced(one.id), null)
    },
  },
  {
    title: 'a relay lives as long as it was told, from its enrolment and from each heartbeat',
    run: async (harness) => {
      await using one = await ContractRelay.enroll(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      const isOver = async (id: string): Promise<boolean> =>
        (await two.session.markFenced(id)) !== null
      await one.session.tick(one.id, 1, () => [])
      await until(async () => isOver(one.id), 'the time since a heartbeat is over')
      const id = randomUUID()
      await one.session.enroll({ id, fence: 'short', protocol: 1, ttlMs: 1 })
      await until(async () => isOver(id), 'the time since the enrolment is over')
    },
  },
  {
    title: 'a relay that was fenced learns it from its heartbeat, and claims nothing',
    run: async (harness) => {
      await using one = await ContractRelay.enroll(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      await harness.expire(one.id)
      await two.session.markFenced(one.id)
      for (let beats = 0; beats < 2; beats++)
        assert.deepEqual(await one.tick(neverAsked), { state: 'fenced' })
      assert.deepEqual((await two.view()).free, one.lanes)
      await two.session.bury(one.id)
      assert.deepEqual(await one.tick(neverAsked), { state: 'fenced' }, 'nor when it is forgotten')
      assert.equal((await two.view()).relays.length, 1)
    },
  },
  {
    title: 'a claim that throws claims nothing, and the next heartbeat works',
    run: async (harness) => {
      await using one = await ContractRelay.enroll(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      const reason = new Error('thrown by the case')
      const claiming = one.tick(() => {
        throw reason
      })
      await assert.rejects(claiming)
      assert.deepEqual((await one.view()).free, one.lanes)
      assert.deepEqual(sorted((await two.beat(({ free }) => free)).owned), two.lanes)
    },
  },
  {
    title: 'nobody can fence a relay between its renewal and its claims',
    unless: onlyConcurrent,
    run: async (harness) => {
      await using one = await ContractRelay.enroll(harness.store)
      await using two = await ContractRelay.enroll(harness.other)
      for (let round = 0; round < 5; round++) {
        await harness.expire(one.id)
        let fencing: Promise<string | null> | undefined
        const claim = ({ free }: RelayView): readonly number[] => {
          fencing = two.session.markFenced(one.id)
          return free
        }
        const tick = await one.session.tick(one.id, TTL_MS, claim)
        assert.equal(await fencing, null)
        assert.equal(tick.state, 'live')
      }
    },
  },
]

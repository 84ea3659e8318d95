import assert from 'node:assert/strict'
import { SchemaVersionError, StoreError } from '../../core/errors.ts'
import type { OutboxStore, RelaySession } from '../../core/outbox-store.ts'
import type { ContractCase } from '../contract-case.ts'
import { ContractRelay, keyScope } from './contract-relay.ts'
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

const isStoreFailure = (error: unknown): boolean =>
  error instanceof StoreError && error.cause instanceof Error

/** Each method of a session, called where it must fail. */
function callsOf(session: RelaySession): Readonly<Record<string, () => Promise<unknown>>> {
  const relayId = '01890a5d-ac96-774b-bcce-b302099a8057'
  const scope = { topic: 't', key: 'k', eventId: null, lane: 0 }
  const refusal = {
    scope: { ...scope, eventId: 1n },
    error: 'e',
    attempts: 1,
    next: { state: 'blocked' },
  } as const
  const limits = { inHand: [], maxEvents: 1, maxBytes: 1 }
  const ids = [[1n, 2n]] as const
  return {
    enroll: () => session.enroll({ id: relayId, fence: 'f', protocol: 1, ttlMs: 1_000 }),
    tick: () => session.tick(relayId, 1_000, ({ free }) => free),
    reportWaiting: () => session.reportWaiting(relayId, { waitingMs: 1, error: 'e' }),
    release: () => session.release(relayId, [0]),
    markFenced: () => session.markFenced(relayId),
    bury: () => session.bury(relayId),
    fetch: () => session.fetch({ lanes: [0], fromStart: false, ...limits }),
    settle: () => session.settle({ relayId, number: 1, ids, acks: [] }),
    refuse: () => session.refuse(relayId, [refusal]),
    due: () => session.due({ lanes: [0], exceptTopics: [], limit: 1 }),
    drain: () => session.drain(relayId, [1n]),
    park: () => session.park(relayId, [{ scope, error: 'e', ids: [1n] }]),
    blocked: () => session.blocked([0]),
    fetchHeld: () => session.fetchHeld({ blockedIds: [1n], ...limits }),
    unblock: () => session.unblock(relayId, [1n]),
    backlog: () => session.backlog(),
    clean: () => session.clean(relayId, { retentionMs: 0, limit: 1, leaseMs: 1_000 }),
  }
}

async function failsWithoutTables(store: OutboxStore): Promise<void> {
  let session: RelaySession
  try {
    session = await store.openRelaySession()
  } catch (error) {
    assert.ok(isStoreFailure(error), 'opening a session')
    return
  }
  await using _ = session
  for (const [name, call] of Object.entries(callsOf(session)))
    await assert.rejects(call, isStoreFailure, name)
}

/** What migrating, checking, failing, waking and closing promise. */
export const tableCases: readonly ContractCase<StoreHarness>[] = [
  {
    title: 'says what it is',
    run: async ({ store, other }) => {
      assert.ok(store.name !== '' && store.outbox !== '')
      assert.ok(Number.isInteger(store.lanes) && store.lanes > 0)
      assert.deepEqual(
        [other.name, other.outbox, other.lanes],
        [store.name, store.outbox, store.lanes],
      )
      return Promise.resolve()
    },
  },
  {
    title: 'a check without tables says what to do',
    run: async (harness) => {
      const empty = await harness.openEmpty()
      await assert.rejects(empty.store.check(), (error) => {
        assert.ok(error instanceof SchemaVersionError)
        assert.equal(error.found, null)
        assert.match(error.message, /migrate/)
        return true
      })
      const [last] = (await empty.other.migrate()).toReversed()
      assert.ok(last !== undefined)
      await empty.store.check()
      await empty.other.check()
    },
  },
  {
    title: 'a check of tables that a newer release has made says which version they are',
    unless: (harness) => (harness.makeNewer ? null : 'the harness can not make it so'),
    run: async (harness) => {
      await harness.store.check()
      await harness.makeNewer?.()
      await assert.rejects(harness.store.check(), (error) => {
        assert.ok(error instanceof SchemaVersionError)
        assert.ok(error.found !== null && error.found > error.expected)
        return true
      })
    },
  },
  {
    title: 'migrating applies each version once, in order',
    run: async (harness) => {
      const empty = await harness.openEmpty()
      const applied = await empty.store.migrate()
      const versions = applied.map(({ version }) => version)
      assert.ok(versions.length > 0)
      assert.deepEqual(
        versions,
        versions.toSorted((a, b) => a - b),
      )
      assert.ok(applied.every(({ name }) => name !== ''))
      assert.deepEqual(await empty.store.migrate(), [])
      assert.deepEqual(await empty.other.migrate(), [])
      assert.deepEqual(await harness.store.migrate(), [])
    },
  },
  {
    title: 'any number of processes may migrate at once',
    run: async (harness) => {
      const { store, other } = await harness.openEmpty()
      const all = await Promise.all([store, other, store, other].map((one) => one.migrate()))
      const versions = all.flat().map(({ version }) => version)
      assert.ok(versions.length > 0)
      assert.equal(new Set(versions).size, versions.length)
      await store.check()
      await harness.transaction(async (tx) => store.append(tx, [eventOf('a')]))
      await using relay = await ContractRelay.owning(other)
      assert.deepEqual(textsOf(await relay.fetch()), ['a'])
    },
  },
  {
    title: 'migrating again leaves what is there',
    run: async (harness) => {
      await send(harness, eventOf('a'))
      await harness.store.migrate()
      await using relay = await ContractRelay.enroll(harness.store)
      assert.deepEqual(textsOf(await relay.fetch()), ['a'])
    },
  },
  {
    title: 'outboxes of one database have nothing in common',
    run: async (harness) => {
      const empty = await harness.openEmpty()
      await empty.store.migrate()
      assert.notEqual(empty.store.outbox, harness.store.outbox)
      await using here = await ContractRelay.owning(harness.store)
      await using there = await ContractRelay.owning(empty.store)
      await harness.transaction(async (tx) => {
        await harness.store.append(tx, [eventOf('here')])
        await empty.store.append(tx, [eventOf('there')])
      })
      assert.deepEqual(textsOf(await here.fetch()), ['here'])
      assert.deepEqual(textsOf(await there.fetch()), ['there'])
      assert.equal((await here.view()).relays.length, 1)
      assert.equal((await there.view()).owned.length, there.lanes.length)
    },
  },
  {
    title: "every method says that the database failed, with the driver's error",
    run: async (harness) => {
      const { store } = await harness.openEmpty()
      await failsWithoutTables(store)
      for (const events of [[eventOf('a')], eventsOf(['b', 'c'])]) {
        const sending = harness.transaction(async (tx) => store.append(tx, events))
        await assert.rejects(sending, isStoreFailure)
      }
    },
  },
  {
    title: 'methods of a session may be called side by side',
    run: async (harness) => {
      await using relay = await ContractRelay.owning(harness.store)
      await send(harness, ...eventsOf(numbered(10)))
      const { events } = await relay.fetch()
      const ids = events.map(({ id }) => id)
      const [head] = events
      assert.ok(head !== undefined)
      const [tick, batch, settled, parked, , , backlog, cleaned] = await Promise.all([
        relay.tick(),
        relay.fetch({ inHand: [[ids[0] ?? 0n, ids[9] ?? 0n]] }),
        relay.settle(ids.slice(0, 3)),
        relay.park(keyScope(head), ids.slice(3, 5)),
        relay.blocked(),
        relay.held([1n]),
        relay.session.backlog(),
        relay.clean(),
        relay.session.markFenced(relay.id),
        relay.session.release(relay.id, []),
      ])
      assert.deepEqual([tick.state, textsOf(batch), settled], ['live', [], true])
      assert.deepEqual([parked, cleaned.elected], [ids.slice(3, 5), true])
      assert.ok(backlog.pending >= 5 && backlog.pending <= 10)
      assert.deepEqual(idsOf(await relay.fetchAll()), ids.slice(5))
    },
  },
  {
    title: 'announcing wakes those who listen in other processes, until they stop',
    unless: ({ wakesOthers }) => (wakesOthers ? null : 'it wakes nobody in other processes'),
    run: async (harness) => {
      let calls = 0
      const listening = await harness.other.listen(() => {
        calls++
      })
      const isCalled = async (): Promise<boolean> => {
        await send(harness, eventOf('a'))
        harness.store.announce()
        return calls > 0
      }
      await until(isCalled, 'the listener is called')
      await listening[Symbol.asyncDispose]()
      const heard = calls
      let others = 0
      await using _ = await harness.other.listen(() => {
        others++
      })
      const isOtherCalled = async (): Promise<boolean> => {
        await send(harness, eventOf('a'))
        harness.store.announce()
        return others > 0
      }
      await until(isOtherCalled, 'who listens later is called')
      assert.equal(calls, heard, 'who stopped is not')
    },
  },
  {
    title: 'closing leaves open what was given',
    run: async (harness) => {
      await harness.store.migrate()
      await harness.store.close()
      await harness.transaction(async (tx) => harness.other.append(tx, [eventOf('a')]))
      await using relay = await ContractRelay.enroll(harness.other)
      assert.deepEqual(textsOf(await relay.fetch()), ['a'])
    },
  },
]

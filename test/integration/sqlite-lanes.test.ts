import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { RelaySession } from '../../src/core/outbox-store.ts'
import { anEvent, idsOf, LANES, SessionFixture, TTL_MS, until } from './sqlite/session-fixture.ts'

describe('settling, lanes, blocks and cleaning on SQLite', () => {
  let fixture: SessionFixture

  beforeEach(async () => {
    fixture = await SessionFixture.open()
  })
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]()
  })

  it('settles a batch once, whoever settles it', async () => {
    fixture.insert(4)
    const relayId = await fixture.takeAll()
    const ids = [
      [1n, 2n],
      [4n, 4n],
    ] as const
    assert.equal(await fixture.session.settle({ relayId, number: 1, ids, acks: [] }), true)
    assert.deepEqual(await idsOf(fixture.fetch({ fromStart: true })), [3])
    await using other = await fixture.store.openRelaySession()
    for (const number of [0, 1])
      assert.equal(await other.settle({ relayId, number, ids: [[3n, 3n]], acks: [] }), false)
    assert.deepEqual(await idsOf(fixture.fetch({ fromStart: true })), [3])
    assert.equal(await other.settle({ relayId, number: 3, ids: [[3n, 3n]], acks: [] }), true)
    assert.deepEqual(await idsOf(fixture.fetch({ fromStart: true })), [])
  })

  it('settles nothing of a relay that is gone', async () => {
    fixture.insert(1)
    const batch = { relayId: randomUUID(), number: 1, ids: [[1n, 1n]] as const, acks: [] }
    assert.equal(await fixture.session.settle(batch), false)
    assert.deepEqual(await idsOf(fixture.fetch()), [1])
  })

  it('keeps where a batch went, and shows what became of each event', async () => {
    fixture.insert(5)
    const relayId = await fixture.takeAll()
    const acks = [['t', 3, '9007199254740993']] as const
    const ids = [
      [1n, 1n],
      [3n, 3n],
    ] as const
    await fixture.session.settle({ relayId, number: 1, ids, acks })
    await fixture.session.settle({ relayId, number: 2, ids: [[4n, 4n]], acks: [] })
    const [first, , ...others] = fixture.rows(
      'select topic, delivered, stored_timestamp, send_timestamp, msg_type, mime_type, payload from oncommit_outbox',
    )
    const { stored_timestamp: stored, send_timestamp: sent, ...rest } = first ?? {}
    assert.ok(Date.parse(String(sent)) >= Date.parse(String(stored)) - 1)
    assert.deepEqual(rest, {
      topic: 't',
      delivered: 1,
      msg_type: '',
      mime_type: 'application/octet-stream',
      payload: new Uint8Array(Buffer.from('0123456789')),
    })
    assert.deepEqual(
      others.map((row) => [row['delivered'], row['send_timestamp'] === null]),
      [
        [1, false],
        [1, false],
        [0, true],
      ],
    )
    const [receipt] = fixture.rows('select first_id, last_id, ids, acks from oncommit_receipts')
    assert.deepEqual(receipt, {
      first_id: 1,
      last_id: 3,
      ids: '[[1,1],[3,3]]',
      acks: JSON.stringify(acks),
    })
  })

  it('shows relays and lanes, and gives a lane to one relay only', async () => {
    const [one, two] = [await fixture.enroll(), await fixture.enroll()]
    const first = await fixture.session.tick(one, TTL_MS, (view) => {
      assert.deepEqual([view.owned, view.free], [[], [0]])
      return view.free
    })
    assert.deepEqual(first.state === 'live' && first.owned, [0])
    const second = await fixture.session.tick(two, TTL_MS, (view) => {
      assert.deepEqual([view.owned, view.free], [[], []])
      return [0, 1]
    })
    assert.ok(second.state === 'live')
    assert.deepEqual(second.owned, [])
    const relays = Object.fromEntries(second.relays.map((relay) => [relay.id, relay]))
    assert.deepEqual(relays, {
      [one]: { id: one, protocol: 1, state: 'live', lanes: 1 },
      [two]: { id: two, protocol: 1, state: 'live', lanes: 0 },
    })
    await fixture.session.release(two, [0])
    await fixture.session.release(one, [0])
    const third = await fixture.session.tick(two, TTL_MS, ({ free }) => free)
    assert.deepEqual(third.state === 'live' && [third.owned, third.relays.length], [[0], 2])
    assert.equal(third.state === 'live' && third.relays.find(({ id }) => id === two)?.lanes, 1)
  })

  it('does not renew a relay that was fenced, which only time or itself can do', async () => {
    const id = await fixture.takeAll()
    assert.equal(await fixture.session.markFenced(id), null)
    assert.equal(await fixture.session.markFenced(randomUUID()), null)
    assert.equal(await fixture.session.markFenced(id, { resigning: true }), `fence-${id}`)
    assert.equal(await fixture.session.markFenced(id), `fence-${id}`)
    assert.deepEqual(await fixture.session.tick(id, TTL_MS, () => assert.fail()), {
      state: 'fenced',
    })
  })

  it('fences a relay whose time has run out, and frees its lanes', async () => {
    const id = randomUUID()
    await fixture.session.enroll({ id, fence: 'f', protocol: 1, ttlMs: 1 })
    await fixture.session.tick(id, 1, ({ free }) => free)
    const successor = await fixture.enroll()
    await until(async () => {
      const tick = await fixture.session.tick(successor, TTL_MS, ({ free }) => free)
      assert.ok(tick.state === 'live')
      return tick.relays.find((relay) => relay.id === id)?.state === 'expired'
    })
    assert.equal(await fixture.session.markFenced(id), 'f')
    const seen = await fixture.session.tick(successor, TTL_MS, ({ free }) => free)
    assert.equal(seen.state === 'live' && seen.owned.length, 0)
    const states = seen.state === 'live' && seen.relays.map(({ state }) => state).toSorted()
    assert.deepEqual(states, ['fenced', 'live'])
    await fixture.session.bury(id)
    await fixture.session.bury(id)
    const later = await fixture.session.tick(successor, TTL_MS, ({ free }) => free)
    assert.deepEqual(later.state === 'live' && [later.owned, later.relays.length], [[0], 1])
    const [lane] = fixture.rows('select epoch from oncommit_lanes')
    assert.deepEqual(lane, { epoch: 3 })
  })

  it('buries no relay that lives', async () => {
    const id = await fixture.takeAll()
    await fixture.session.bury(id)
    const tick = await fixture.session.tick(id, TTL_MS, () => [])
    assert.deepEqual(tick.state === 'live' && tick.owned, [0])
  })

  it('parks what is blocked, once, and publishes it in order later', async () => {
    fixture.insert(3)
    const relayId = await fixture.takeAll()
    const scope = { topic: 't', key: 'k', eventId: null, lane: 0 }
    const park = (...ids: bigint[]): Promise<readonly bigint[]> =>
      fixture.session.park(relayId, [{ scope, error: 'x'.repeat(2_000), ids }])
    assert.deepEqual(await park(), [])
    assert.deepEqual(await park(1n, 2n), [1n, 2n])
    assert.deepEqual(await park(2n, 3n, 99n), [3n])
    assert.deepEqual(await idsOf(fixture.fetch({ fromStart: true })), [])
    const [entry] = await fixture.session.blocked(LANES)
    const drains = { state: 'draining', attempts: 0 } as const
    assert.deepEqual(entry, { id: entry?.id, ...scope, error: 'x'.repeat(500), ...drains })
    const id = entry?.id ?? 0n
    const request = { blockedIds: [id], inHand: [[1n, 1n]] as const }
    const held = await fixture.session.fetchHeld({ ...request, maxEvents: 2, maxBytes: 1_000 })
    assert.deepEqual([held.events.map((event) => event.id), held.full], [[2n, 3n], true])
    const less = await fixture.session.fetchHeld({ ...request, maxEvents: 2, maxBytes: 11 })
    assert.deepEqual([less.events.map((event) => event.id), less.full], [[2n], true])
    assert.deepEqual(await fixture.session.unblock(relayId, [id]), [])
    await fixture.session.settle({ relayId, number: 1, ids: [[1n, 3n]], acks: [] })
    assert.deepEqual(await fixture.session.unblock(relayId, [id]), [id])
    assert.deepEqual(await fixture.session.unblock(relayId, [id]), [id])
    assert.deepEqual(await fixture.session.blocked(LANES), [])
  })

  it('tells keys, keyless events and topics that are blocked apart', async () => {
    const relayId = await fixture.takeAll()
    const scopes = [
      { topic: 't', key: '', eventId: null, lane: 0 },
      { topic: 't', key: 'k'.repeat(10_000), eventId: null, lane: 0 },
      { topic: 't', key: 'k', eventId: 7n, lane: 0 },
      { topic: 't', key: null, eventId: 7n, lane: 0 },
      { topic: 't', key: null, eventId: null, lane: 0 },
      { topic: 'u', key: null, eventId: null, lane: 0 },
    ]
    for (let n = 0; n < 2; n++)
      await fixture.session.park(
        relayId,
        scopes.map((scope) => ({ scope, error: 'e', ids: [] })),
      )
    const found = (await fixture.session.blocked([0])).map(({ topic, key, eventId, lane }) => ({
      topic,
      key,
      eventId,
      lane,
    }))
    assert.deepEqual(found, scopes)
    assert.equal((await fixture.session.blocked([1])).length, 0)
  })

  it('moves held events to what blocks them now', async () => {
    fixture.insert(2)
    const relayId = await fixture.takeAll()
    const topic = { topic: 't', key: null, eventId: null, lane: 0 }
    const key = { topic: 't', key: 'k', eventId: null, lane: 0 }
    await fixture.session.park(relayId, [{ scope: topic, error: 'e', ids: [1n, 2n] }])
    const parked = [{ scope: key, error: 'e', ids: [1n] }]
    assert.deepEqual(await fixture.session.park(relayId, parked), [1n])
    assert.deepEqual(await fixture.session.park(relayId, parked), [])
    const [byTopic, byKey] = await fixture.session.blocked(LANES)
    const limits = { inHand: [], maxEvents: 9, maxBytes: 1_000 }
    const held = (...blockedIds: (bigint | undefined)[]): Promise<number[]> =>
      idsOf(fixture.session.fetchHeld({ blockedIds: blockedIds.map((id) => id ?? 0n), ...limits }))
    assert.deepEqual([await held(byTopic?.id), await held(byKey?.id)], [[2], [1]])
    assert.deepEqual(await held(byTopic?.id, byKey?.id), [1, 2])
    assert.deepEqual(await held(), [])
  })

  it('parks and unblocks nothing on lanes of others', async () => {
    fixture.insert(1)
    const owner = await fixture.takeAll()
    const stranger = await fixture.enroll()
    const scope = { topic: 't', key: 'k', eventId: null, lane: 0 }
    const parked = [{ scope, error: 'e', ids: [1n] }]
    assert.deepEqual(await fixture.session.park(stranger, parked), [])
    assert.deepEqual(await fixture.session.blocked(LANES), [])
    assert.deepEqual(await idsOf(fixture.fetch()), [1])
    await fixture.session.park(owner, [{ scope, error: 'e', ids: [] }])
    const [entry] = await fixture.session.blocked(LANES)
    assert.deepEqual(await fixture.session.unblock(stranger, [entry?.id ?? 0n]), [])
    assert.equal((await fixture.session.blocked(LANES)).length, 1)
  })

  it('counts what waits', async () => {
    const nothing = { pending: 0, oldestAgeMs: null, blocked: 0, held: 0, dead: 0 }
    assert.deepEqual(await fixture.session.backlog(), nothing)
    fixture.insert(3)
    const relayId = await fixture.takeAll()
    const scope = { topic: 't', key: 'k', eventId: null, lane: 0 }
    await fixture.session.park(relayId, [{ scope, error: 'e', ids: [1n] }])
    fixture.db.exec('update oncommit_events set stored_timestamp = stored_timestamp - 60000')
    const { oldestAgeMs, ...counts } = await fixture.session.backlog()
    assert.deepEqual(counts, { pending: 2, blocked: 1, held: 1, dead: 0 })
    assert.ok(oldestAgeMs !== null && oldestAgeMs >= 59_999 && oldestAgeMs < 120_000)
  })

  describe('cleaning', () => {
    function clean(
      retentionMs: number,
      limit = 4,
      holder = 'one',
    ): ReturnType<RelaySession['clean']> {
      return fixture.session.clean(holder, { retentionMs, limit, leaseMs: TTL_MS })
    }

    it('forgets what was published long ago, up to a limit, and nothing else', async () => {
      fixture.insert(10)
      const relayId = await fixture.takeAll()
      fixture.db.exec('insert into oncommit_dead (id, attempts) values (4, 1)')
      await fixture.session.settle({ relayId, number: 1, ids: [[1n, 6n]], acks: [] })
      await fixture.session.settle({ relayId, number: 2, ids: [[7n, 7n]], acks: [] })
      assert.deepEqual(await clean(60_000), { elected: true, deleted: 0, more: false })
      assert.deepEqual(await clean(0, 4, 'two'), { elected: false, deleted: 0, more: false })
      // One of the four is dead.
      assert.deepEqual(await clean(0), { elected: true, deleted: 3, more: true })
      assert.deepEqual(
        fixture.rows(`select ids from oncommit_receipts`).map(({ ids }) => ids),
        ['[[5,6]]', '[[7,7]]'],
      )
      assert.deepEqual(await clean(0), { elected: true, deleted: 3, more: false })
      const left = fixture.rows('select id from oncommit_events').map(({ id }) => id)
      assert.deepEqual(left, [4, 8, 9, 10])
      assert.deepEqual(fixture.rows('select * from oncommit_receipts'), [])
    })

    it('keeps events that are held or pending, although a receipt has them', async () => {
      fixture.insert(3)
      const relayId = await fixture.takeAll()
      const scope = { topic: 't', key: 'k', eventId: null, lane: 0 }
      await fixture.session.park(relayId, [{ scope, error: 'e', ids: [2n] }])
      fixture.db.exec(
        `insert into oncommit_receipts (first_id, last_id, ids, published_at, acks) values (1, 3, '[[1,3]]', 1, '[]')`,
      )
      fixture.db.exec('delete from oncommit_delivery where id = 3')
      assert.deepEqual(await clean(1_000), { elected: true, deleted: 1, more: false })
      assert.deepEqual(
        fixture.rows('select id from oncommit_events').map(({ id }) => id),
        [1, 2],
      )
    })

    it('works in short transactions, between which others come to write', async () => {
      const events = Array.from({ length: 900 }, () => anEvent())
      await fixture.send(...events)
      const relayId = await fixture.takeAll()
      await fixture.session.settle({ relayId, number: 1, ids: [[1n, 900n]], acks: [] })
      const left = fixture.db.prepare('select count(*) as count from oncommit_events')
      const counts = new Set<unknown>()
      const cleaning = clean(0, 1_000)
      const done = cleaning.then(() => 'done')
      while ((await Promise.race([done, nextTurn()])) !== 'done') {
        fixture.db.exec('BEGIN IMMEDIATE')
        counts.add(left.get()?.['count'])
        fixture.db.exec('COMMIT')
      }
      assert.deepEqual(await cleaning, { elected: true, deleted: 900, more: false })
      const steps = [...counts].map(Number)
      assert.ok(steps.length >= 4, steps.join())
      for (const [at, count] of steps.entries())
        assert.ok(at === 0 || (steps[at - 1] ?? 0) - count <= 200, steps.join())
    })

    it('lets another clean when the first has not come back in time', async () => {
      await fixture.session.clean('one', { retentionMs: 0, limit: 1, leaseMs: 1 })
      await until(async () => (await clean(0, 1, 'two')).elected)
      assert.equal((await clean(0, 1, 'one')).elected, false)
    })
  })
})

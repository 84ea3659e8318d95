import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'

import { Pool } from 'pg'
import connectPostgresJs, { type Sql } from 'postgres'

import type { RelaySession } from '../../src/core/outbox-store.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'
import { ALL_LANES, idsOf, SessionFixture, TTL_MS, until } from './postgres/session-fixture.ts'

describe('settling, lanes, blocks and cleaning on PostgreSQL', () => {
  let database: TestDatabase
  let pool: Pool
  let sql: Sql

  before(async () => {
    database = await createDatabase(await sharedPostgres(), 'postgres_lanes')
    pool = new Pool(database.connection)
    // The database goes while connections are idle in it.
    pool.on('error', () => {})
    sql = connectPostgresJs(database.connection)
  })
  after(async () => {
    await pool.end()
    await sql.end()
    await database.drop()
  })

  const drivers = { pg: () => pool, 'Postgres.js': () => sql }
  for (const [driver, given] of Object.entries(drivers)) {
    describe(`by ${driver}`, () => {
      let fixture: SessionFixture

      beforeEach(async () => {
        fixture = await SessionFixture.open(pool, given())
      })
      afterEach(async () => {
        await fixture[Symbol.asyncDispose]()
      })

      it('settles a batch once', async () => {
        await fixture.insert(4)
        const relayId = await fixture.takeAll()
        const batch = {
          relayId,
          number: 1,
          ids: [
            [1n, 2n],
            [4n, 4n],
          ] as const,
          acks: [],
        }
        assert.equal(await fixture.session.settle(batch), true)
        assert.deepEqual(await idsOf(fixture.fetch({ fromStart: true })), [3])
        assert.equal(await fixture.session.settle({ ...batch, ids: [[3n, 3n]] }), false)
        assert.deepEqual(await idsOf(fixture.fetch({ fromStart: true })), [3])
      })

      it('keeps where a batch went, for the operator', async () => {
        await fixture.insert(2)
        const relayId = await fixture.takeAll()
        const acks = [['t', 3, '9007199254740993']] as const
        await fixture.session.settle({ relayId, number: 1, ids: [[1n, 1n]], acks })
        const { rows } = await pool.query(
          `SELECT delivered, send_timestamp IS NOT NULL AS sent FROM ${fixture.schema}.outbox ORDER BY stored_timestamp`,
        )
        assert.deepEqual(rows, [
          { delivered: true, sent: true },
          { delivered: false, sent: false },
        ])
        const receipts = await pool.query(`SELECT acks FROM ${fixture.schema}.receipts`)
        assert.deepEqual(receipts.rows[0], { acks })
      })

      it('shows relays and lanes, and takes lanes that nobody has', async () => {
        const [one, two] = [await fixture.enroll(), await fixture.enroll()]
        const first = await fixture.session.tick(one, TTL_MS, ({ free }) => free.slice(0, 40))
        assert.equal(first.state === 'live' && first.owned.length, 40)
        const second = await fixture.session.tick(two, TTL_MS, (view) => {
          assert.deepEqual([view.owned.length, view.free.length], [0, 24])
          return ALL_LANES
        })
        assert.ok(second.state === 'live')
        assert.equal(second.owned.length, 24)
        const lanes = Object.fromEntries(second.relays.map((relay) => [relay.id, relay.lanes]))
        assert.deepEqual(lanes, { [one]: 40, [two]: 24 })
        await fixture.session.release(one, [0, 1])
        await fixture.session.release(two, [2])
        const third = await fixture.session.tick(two, TTL_MS, ({ free }) => free)
        assert.deepEqual(third.state === 'live' && third.owned.slice(0, 2), [0, 1])
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
        await until(async () => (await fixture.session.markFenced(id)) === 'f')
        const seen = await fixture.session.tick(successor, TTL_MS, ({ free }) => free)
        assert.equal(seen.state === 'live' && seen.owned.length, 0)
        const states = seen.state === 'live' && seen.relays.map(({ state }) => state).toSorted()
        assert.deepEqual(states, ['fenced', 'live'])
        await fixture.session.bury(id)
        await fixture.session.bury(id)
        const later = await fixture.session.tick(successor, TTL_MS, ({ free }) => free)
        assert.equal(later.state === 'live' && later.owned.length, 64)
        assert.equal(later.state === 'live' && later.relays.length, 1)
      })

      it('buries no relay that lives', async () => {
        const id = await fixture.takeAll()
        await fixture.session.bury(id)
        const tick = await fixture.session.tick(id, TTL_MS, () => [])
        assert.equal(tick.state === 'live' && tick.owned.length, 64)
      })

      it('parks what is blocked, once, and publishes it in order later', async () => {
        await fixture.insert(3)
        const relayId = await fixture.takeAll()
        const [head] = (await fixture.fetch()).events
        const scope = { topic: 't', key: 'k', eventId: null, lane: head?.lane ?? 0 }
        const park = (...ids: bigint[]): Promise<readonly bigint[]> =>
          fixture.session.park(relayId, [{ scope, error: 'x'.repeat(2_000), ids }])
        assert.deepEqual(await park(), [])
        assert.deepEqual(await park(1n, 2n), [1n, 2n])
        assert.deepEqual(await park(2n, 3n), [3n])
        const blocked = await fixture.session.blocked(ALL_LANES)
        const drains = { state: 'draining', attempts: 0 } as const
        assert.deepEqual(blocked, [
          { id: blocked[0]?.id, ...scope, error: 'x'.repeat(500), ...drains },
        ])
        const [entry] = blocked
        const blockedIds = [entry?.id ?? 0n]
        const limits = { maxEvents: 2, maxBytes: 1_000 }
        const held = await fixture.session.fetchHeld({ blockedIds, inHand: [[1n, 1n]], ...limits })
        assert.deepEqual([held.events.map(({ id }) => id), held.full], [[2n, 3n], true])
        assert.deepEqual(await fixture.session.unblock(relayId, [entry?.id ?? 0n]), [])
        await fixture.session.settle({ relayId, number: 1, ids: [[1n, 3n]], acks: [] })
        assert.deepEqual(await fixture.session.unblock(relayId, [entry?.id ?? 0n]), [
          entry?.id ?? 0n,
        ])
        assert.deepEqual(await fixture.session.blocked(ALL_LANES), [])
      })

      it('tells keys, keyless events and topics that are blocked apart', async () => {
        const relayId = await fixture.takeAll()
        const scopes = [
          { topic: 't', key: '', eventId: null, lane: 1 },
          { topic: 't', key: 'k'.repeat(10_000), eventId: null, lane: 1 },
          { topic: 't', key: null, eventId: 7n, lane: 1 },
          { topic: 't', key: null, eventId: null, lane: 1 },
          { topic: 'u', key: null, eventId: null, lane: 1 },
          { topic: 't', key: null, eventId: null, lane: 2 },
        ]
        for (let n = 0; n < 2; n++)
          await fixture.session.park(
            relayId,
            scopes.map((scope) => ({ scope, error: 'e', ids: [] })),
          )
        const found = (await fixture.session.blocked([1, 2])).map(
          ({ topic, key, eventId, lane }) => ({ topic, key, eventId, lane }),
        )
        assert.deepEqual(found, scopes)
        assert.equal((await fixture.session.blocked([3])).length, 0)
      })

      it('moves held events to what blocks them now', async () => {
        await fixture.insert(2)
        const relayId = await fixture.takeAll()
        const lane = (await fixture.fetch()).events[0]?.lane ?? 0
        const topic = { topic: 't', key: null, eventId: null, lane }
        const key = { topic: 't', key: 'k', eventId: null, lane }
        await fixture.session.park(relayId, [{ scope: topic, error: 'e', ids: [1n, 2n] }])
        assert.deepEqual(
          await fixture.session.park(relayId, [{ scope: key, error: 'e', ids: [1n] }]),
          [1n],
        )
        const [byTopic, byKey] = await fixture.session.blocked(ALL_LANES)
        const limits = { inHand: [], maxEvents: 9, maxBytes: 1_000 }
        const held = (id = 0n): Promise<number[]> =>
          idsOf(fixture.session.fetchHeld({ blockedIds: [id], ...limits }))
        assert.deepEqual([await held(byTopic?.id), await held(byKey?.id)], [[2], [1]])
      })

      it('parks and unblocks nothing on lanes of others', async () => {
        await fixture.insert(1)
        const owner = await fixture.takeAll()
        const stranger = await fixture.enroll()
        const [head] = (await fixture.fetch()).events
        const scope = { topic: 't', key: 'k', eventId: null, lane: head?.lane ?? 0 }
        const parked = [{ scope, error: 'e', ids: [1n] }]
        assert.deepEqual(await fixture.session.park(stranger, parked), [])
        assert.deepEqual(await fixture.session.blocked(ALL_LANES), [])
        await fixture.session.park(owner, [{ scope, error: 'e', ids: [] }])
        const [entry] = await fixture.session.blocked(ALL_LANES)
        assert.deepEqual(await fixture.session.unblock(stranger, [entry?.id ?? 0n]), [])
        assert.equal((await fixture.session.blocked(ALL_LANES)).length, 1)
      })

      it('counts what waits', async () => {
        assert.deepEqual(await fixture.session.backlog(), {
          pending: 0,
          oldestAgeMs: null,
          blocked: 0,
          held: 0,
          dead: 0,
        })
        await fixture.insert(3)
        const relayId = await fixture.takeAll()
        const [head] = (await fixture.fetch()).events
        const scope = { topic: 't', key: 'k', eventId: null, lane: head?.lane ?? 0 }
        await fixture.session.park(relayId, [{ scope, error: 'e', ids: [1n] }])
        const { oldestAgeMs, ...counts } = await fixture.session.backlog()
        assert.deepEqual(counts, { pending: 2, blocked: 1, held: 1, dead: 0 })
        assert.ok(oldestAgeMs !== null && oldestAgeMs >= 0 && oldestAgeMs < 60_000)
      })

      it('forgets what was published long ago, in chunks, and nothing else', async () => {
        await fixture.insert(10)
        const relayId = await fixture.takeAll()
        await pool.query(`INSERT INTO ${fixture.schema}.dead (id, attempts) VALUES (4, 1)`)
        await fixture.session.settle({ relayId, number: 1, ids: [[1n, 6n]], acks: [] })
        await fixture.session.settle({ relayId, number: 2, ids: [[7n, 7n]], acks: [] })
        const clean = (
          retentionMs: number,
          limit = 4,
          holder = 'one',
        ): ReturnType<RelaySession['clean']> =>
          fixture.session.clean(holder, { retentionMs, limit, leaseMs: TTL_MS })
        assert.deepEqual(await clean(60_000), { elected: true, deleted: 0, more: false })
        assert.deepEqual(await clean(0, 4, 'two'), { elected: false, deleted: 0, more: false })
        // One of the four is dead.
        assert.deepEqual(await clean(0), { elected: true, deleted: 3, more: true })
        assert.deepEqual(await clean(0), { elected: true, deleted: 3, more: false })
        const { rows } = await pool.query<{ ids: string }>(
          `SELECT array_agg(id ORDER BY id)::text AS ids FROM ${fixture.schema}.events`,
        )
        assert.equal(rows[0]?.ids, '{4,8,9,10}')
        const receipts = await pool.query(`SELECT FROM ${fixture.schema}.receipts`)
        assert.equal(receipts.rowCount, 0)
      })

      it('lets another clean when the first has not come back in time', async () => {
        await fixture.session.clean('one', { retentionMs: 0, limit: 1, leaseMs: 1 })
        await until(
          async () =>
            (await fixture.session.clean('two', { retentionMs: 0, limit: 1, leaseMs: TTL_MS }))
              .elected,
        )
      })
    })
  }
})

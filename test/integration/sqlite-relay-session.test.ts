import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { sqlite } from '../../src/stores/sqlite/index.ts'
import { anEvent, idsOf, LANES, SessionFixture, TTL_MS } from './sqlite/session-fixture.ts'

describe('a relay session on SQLite', () => {
  let fixture: SessionFixture

  beforeEach(async () => {
    fixture = await SessionFixture.open({ busyTimeoutMs: 2_000 })
  })
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]()
  })

  describe('fetching', () => {
    it('fetches up to a number of events, and says that there may be more', async () => {
      fixture.insert(5)
      const first = await fixture.fetch({ maxEvents: 3 })
      assert.deepEqual([first.events.length, first.full], [3, true])
      const second = await fixture.fetch({ inHand: [[1n, 3n]] })
      assert.deepEqual([second.events.map(({ id }) => id), second.full], [[4n, 5n], false])
      assert.equal((await fixture.fetch({ inHand: [[1n, 5n]] })).full, false)
    })

    it('fetches up to a number of bytes, and one event at least', async () => {
      fixture.insert(5)
      const two = await fixture.fetch({ maxBytes: 22 })
      assert.deepEqual([two.events.length, two.full], [2, true])
      const one = await fixture.fetch({ inHand: [[1n, 2n]], maxBytes: 1 })
      assert.deepEqual([one.events.map(({ id }) => id), one.full], [[3n], true])
    })

    it('counts limits over what is in hand', async () => {
      fixture.insert(9)
      const inHand = [
        [1n, 1n],
        [3n, 4n],
        [7n, 7n],
      ] as const
      const fetchSome = (changes: object): Promise<number[]> =>
        idsOf(fixture.fetch({ inHand, fromStart: true, ...changes }))
      assert.deepEqual(await fetchSome({}), [2, 5, 6, 8, 9])
      assert.deepEqual(await fetchSome({ maxEvents: 4 }), [2, 5, 6, 8])
      assert.deepEqual(await fetchSome({ maxBytes: 12 }), [2, 5])
    })

    it('looks behind what it has fetched, or from the first id on', async () => {
      fixture.insert(2)
      assert.deepEqual(await idsOf(fixture.fetch()), [1, 2])
      fixture.insert(1)
      const inHand = [[1n, 2n]] as const
      assert.deepEqual(await idsOf(fixture.fetch({ inHand })), [3])
      assert.deepEqual(await idsOf(fixture.fetch({ inHand, fromStart: true })), [3])
      fixture.session.forgetPosition()
      assert.deepEqual(await idsOf(fixture.fetch()), [1, 2, 3])
    })

    it('fetches only lanes that it is told, and keeps its place without any', async () => {
      fixture.insert(2)
      assert.deepEqual(await idsOf(fixture.fetch({ lanes: [] })), [])
      assert.deepEqual(await idsOf(fixture.fetch({ lanes: [1, 2] })), [])
      const [first] = (await fixture.fetch()).events
      assert.deepEqual([first?.id, first?.lane], [1n, 0])
    })

    it('sees nothing of a transaction before it commits', async () => {
      fixture.db.exec('BEGIN IMMEDIATE')
      await fixture.store.append(fixture.db, [anEvent({ key: 'late' })])
      assert.deepEqual(await idsOf(fixture.fetch()), [])
      fixture.db.exec('COMMIT')
      assert.deepEqual(await idsOf(fixture.fetch()), [1])
    })

    it('passes by what someone has deleted from the ledger', async () => {
      fixture.insert(4)
      fixture.db.exec('delete from oncommit_events where id in (1, 2, 4)')
      const batch = await fixture.fetch({ maxEvents: 2 })
      assert.deepEqual([batch.events.length, batch.full], [0, true])
      assert.deepEqual(await idsOf(fixture.fetch({ maxEvents: 2 })), [3])
    })

    it('can not be used after it was disposed of, which may be done twice', async () => {
      await fixture.fetch()
      await fixture.session[Symbol.asyncDispose]()
      await fixture.session[Symbol.asyncDispose]()
      await assert.rejects(fixture.fetch(), { code: 'ONCOMMIT_STOPPED' })
      await assert.rejects(fixture.session.release('x', LANES), { code: 'ONCOMMIT_STOPPED' })
    })

    it('ends with the store', async () => {
      await fixture.store.close()
      await assert.rejects(fixture.fetch(), { code: 'ONCOMMIT_STOPPED' })
    })
  })

  describe('while another connection writes', () => {
    it('waits, and leaves the process to the transaction that it waits for', async () => {
      const relayId = await fixture.enroll()
      fixture.db.exec('BEGIN IMMEDIATE')
      const ticked = fixture.session.tick(relayId, TTL_MS, ({ free }) => free)
      // What a sender awaits inside of its transaction.
      for (let turn = 0; turn < 20; turn++) await nextTurn()
      fixture.db.exec('COMMIT')
      assert.equal((await ticked).state, 'live')
    })

    it('reads all the same', async () => {
      fixture.insert(1)
      fixture.db.exec('BEGIN IMMEDIATE')
      assert.deepEqual(await idsOf(fixture.fetch()), [1])
      assert.deepEqual(await fixture.session.blocked(LANES), [])
      fixture.db.exec('ROLLBACK')
    })

    it('settles in the order of the calls', async () => {
      fixture.insert(2)
      const relayId = await fixture.takeAll()
      const settle = (number: number): Promise<boolean> =>
        fixture.session.settle({
          relayId,
          number,
          ids: [[BigInt(number), BigInt(number)]],
          acks: [],
        })
      fixture.db.exec('BEGIN IMMEDIATE')
      const first = settle(1)
      // It has found the lock, and waits to try again.
      await nextTurn()
      fixture.db.exec('COMMIT')
      const settled = [first, settle(2)]
      assert.deepEqual(await Promise.all(settled), [true, true])
      assert.deepEqual(await idsOf(fixture.fetch({ fromStart: true })), [])
    })

    it('fails when that takes too long, with the error of SQLite, and works again later', async () => {
      const relayId = await fixture.enroll()
      const hasty = sqlite({ file: fixture.file, busyTimeoutMs: 20 })
      await using session = await hasty.openRelaySession()
      fixture.db.exec('BEGIN IMMEDIATE')
      await assert.rejects(
        session.tick(relayId, TTL_MS, ({ free }) => free),
        (error: { code: string; message: string; cause: { errcode: number } }) => {
          assert.deepEqual([error.code, error.cause.errcode], ['ONCOMMIT_STORE', 5])
          assert.match(error.message, /database is locked.*for 20 ms/)
          return true
        },
      )
      fixture.db.exec('ROLLBACK')
      const tick = await session.tick(relayId, TTL_MS, ({ free }) => free)
      assert.deepEqual(tick.state === 'live' && tick.owned, [0])
    })

    it('leaves no transaction open when something fails', async () => {
      const relayId = await fixture.enroll()
      const failing = fixture.session.tick(relayId, TTL_MS, () => {
        throw new Error('of the caller')
      })
      await assert.rejects(failing, /of the caller/)
      await assert.rejects(
        fixture.session.enroll({ id: relayId, fence: 'f', protocol: 1, ttlMs: 1 }),
        { code: 'ONCOMMIT_STORE', message: /UNIQUE constraint failed/ },
      )
      fixture.db.exec('BEGIN IMMEDIATE; ROLLBACK')
    })

    it('says that the database failed, with its error', async () => {
      fixture.db.exec('alter table oncommit_delivery rename to gone')
      await assert.rejects(fixture.fetch(), {
        code: 'ONCOMMIT_STORE',
        message: /fetching events failed: no such table: oncommit_delivery/,
      })
      fixture.db.exec('alter table gone rename to oncommit_delivery')
      fixture.insert(1)
      assert.deepEqual(await idsOf(fixture.fetch()), [1])
    })
  })

  describe('listening', () => {
    it('hears of events that another connection commits, and of nothing else', async (t) => {
      const poll = holdTime(t)
      let heard = 0
      await using stack = new AsyncDisposableStack()
      stack.use(await fixture.store.listen(() => heard++))
      await fixture.takeAll()
      await poll()
      assert.equal(heard, 0)
      fixture.db.exec('BEGIN IMMEDIATE')
      await fixture.store.append(fixture.db, [anEvent()])
      await poll()
      assert.equal(heard, 0)
      fixture.db.exec('COMMIT')
      await poll()
      await poll()
      assert.equal(heard, 1)
    })

    it('hears nothing any more after it was disposed of', async (t) => {
      const poll = holdTime(t)
      let heard = 0
      const listening = await fixture.store.listen(() => heard++)
      await listening[Symbol.asyncDispose]()
      fixture.insert(1)
      await poll()
      assert.equal(heard, 0)
    })

    it('says that there is nothing to listen to', async () => {
      const file = join(fixture.folder, 'gone', 'app.db')
      await assert.rejects(
        sqlite({ file }).listen(() => {}),
        { code: 'ONCOMMIT_STORE' },
      )
      await rm(join(fixture.folder, 'gone'), { force: true })
    })
  })
})

/** Time that passes when the test says so. */
function holdTime(t: TestContext): () => Promise<void> {
  t.mock.timers.enable({ apis: ['setInterval'] })
  return async () => {
    t.mock.timers.tick(20)
    await nextTurn()
  }
}

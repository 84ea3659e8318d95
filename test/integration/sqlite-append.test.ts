import assert from 'node:assert/strict'
import { linkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'

import { EventBus } from '../../src/bus/event-bus.ts'
import type { StoreError } from '../../src/core/errors.ts'
import { eventSize, type OutboxEvent, type StoredEvent } from '../../src/core/event.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import { sqlite, type SqliteTransaction } from '../../src/stores/sqlite/index.ts'
import { anEvent, SessionFixture } from './sqlite/session-fixture.ts'

describe('appending to SQLite', () => {
  let fixture: SessionFixture

  beforeEach(async () => {
    fixture = await SessionFixture.open()
  })
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]()
  })

  async function fetchAll(): Promise<readonly StoredEvent[]> {
    return (await fixture.fetch({ fromStart: true })).events
  }

  async function keys(): Promise<(string | null)[]> {
    return (await fetchAll()).map(({ key }) => key)
  }

  it('gives back, byte for byte, what was sent together', async () => {
    const sent = awkwardEvents()
    await fixture.send(...sent)
    assert.deepEqual((await fetchAll()).map(withoutPlace), sent.map(withoutPlace))
  })

  it('gives back, byte for byte, what was sent one by one', async () => {
    const sent = awkwardEvents()
    for (const event of sent) await fixture.send(event)
    const stored = await fetchAll()
    assert.deepEqual(stored.map(withoutPlace), sent.map(withoutPlace))
    assert.deepEqual(
      stored.map(({ size }) => size),
      sent.map((event) => eventSize(event)),
    )
    assert.ok(stored.every(({ payload }) => payload === null || Buffer.isBuffer(payload)))
  })

  it('stores thousands of events of one call in their order', async () => {
    const sent = Array.from({ length: 2_500 }, (_, n) => anEvent({ key: `k${n}` }))
    await fixture.send(...sent)
    assert.deepEqual(
      await keys(),
      sent.map(({ key }) => key),
    )
  })

  it('stores a uuid that was given twice as two events', async () => {
    const uuid = uuidv7()
    await fixture.send(anEvent({ uuid, key: 'a' }), anEvent({ uuid, key: 'b' }))
    assert.deepEqual(await keys(), ['a', 'b'])
  })

  it('stores nothing of a transaction, or of a savepoint, that is rolled back', async () => {
    await fixture.inTransaction(async (db) => {
      await fixture.store.append(db, [anEvent({ key: 'kept' })])
      db.exec('SAVEPOINT s')
      await fixture.store.append(db, [anEvent({ key: 'gone' }), anEvent({ key: 'gone' })])
      db.exec('ROLLBACK TO s')
    })
    fixture.db.exec('BEGIN IMMEDIATE')
    await fixture.store.append(fixture.db, [anEvent({ key: 'gone' })])
    fixture.db.exec('ROLLBACK')
    assert.deepEqual(await keys(), ['kept'])
    assert.deepEqual(fixture.rows('select id from oncommit_delivery'), [{ id: 1 }])
  })

  it('stores before it returns, so that nothing of this process comes between', async () => {
    fixture.db.exec('BEGIN IMMEDIATE')
    const appended = fixture.store.append(fixture.db, [anEvent()])
    fixture.db.exec('COMMIT')
    assert.equal((await fetchAll()).length, 1)
    await appended
  })

  it('stores nothing of a rollback that nobody waited with, one event or several', async () => {
    const bus = new EventBus({ store: fixture.store })
    for (const events of [[{ topic: 't' }], [{ topic: 't' }, { topic: 't' }]]) {
      fixture.db.exec('BEGIN IMMEDIATE')
      const sent = bus.send(fixture.db, events)
      fixture.db.exec('ROLLBACK')
      await sent
    }
    assert.deepEqual(await fetchAll(), [])
  })

  it('stores all events of a call or none, even if the transaction commits all the same', async () => {
    fixture.db.exec('BEGIN IMMEDIATE')
    await fixture.store.append(fixture.db, [anEvent({ key: 'before' })])
    const failed = fixture.store.append(fixture.db, [
      anEvent({ key: 'gone' }),
      anEvent({ topic: 'x'.repeat(250) }),
    ])
    await assert.rejects(failed, (error: StoreError) => {
      assert.equal(error.code, 'ONCOMMIT_STORE')
      assert.match((error.cause as Error).message, /CHECK constraint failed/)
      return true
    })
    fixture.db.exec('COMMIT')
    assert.deepEqual(await keys(), ['before'])
  })

  it('delivers what plain SQL inserts', async () => {
    const before = Date.now()
    fixture.db.exec(`insert into oncommit_events (topic, key, headers, payload)
      values ('t', 'k', '{"a": "b", "n": 1}', x'00ff'), ('t', null, null, null)`)
    const [first, second] = await fetchAll()
    assert.deepEqual(first?.payload, Buffer.from([0, 255]))
    assert.deepEqual(first.headers, [
      ['a', 'b'],
      ['n', '1'],
    ])
    assert.match(
      first.uuid,
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
    const inUuid = Number.parseInt(first.uuid.replace('-', '').slice(0, 12), 16)
    // The clock of SQLite's words is a double of days: a millisecond may be lost.
    for (const time of [inUuid, first.timestamp.getTime()])
      assert.ok(time >= before - 1 && time <= Date.now() + 1)
    assert.notEqual(first.uuid, second?.uuid)
    assert.deepEqual([second?.key, second?.payload, second?.headers], [null, null, []])
  })

  it('refuses headers that nobody could read', () => {
    assert.throws(
      () => fixture.db.exec(`insert into oncommit_events (topic, headers) values ('t', '{')`),
      /CHECK constraint failed/,
    )
  })

  it('refuses an id that relays may have passed by, and goes on after a higher one', async () => {
    fixture.insert(3)
    fixture.db.exec('delete from oncommit_events')
    for (const verb of ['insert', 'insert or replace', 'insert or ignore'])
      for (const id of [-1, 2, 3])
        assert.throws(
          () => fixture.db.exec(`${verb} into oncommit_events (id, topic) values (${id}, 't')`),
          /oncommit_events gives ids itself/,
        )
    fixture.db.exec(`insert into oncommit_events (id, topic) values (10, 't')`)
    fixture.insert(1)
    assert.deepEqual(
      (await fetchAll()).map(({ id }) => id),
      [10n, 11n],
    )
  })

  it('gives no id again, not even after the last event was deleted', async () => {
    fixture.insert(3)
    fixture.db.exec('delete from oncommit_delivery; delete from oncommit_events; vacuum')
    fixture.insert(1)
    assert.deepEqual(
      (await fetchAll()).map(({ id }) => id),
      [4n],
    )
  })

  it('reads ids that JavaScript would round', async () => {
    const id = 2n ** 53n + 1n
    fixture.db.exec(`insert into oncommit_events (id, topic) values (${id}, 't')`)
    assert.equal((await fetchAll())[0]?.id, id)
    const relayId = await fixture.takeAll()
    const scope = { topic: 't', key: null, eventId: id, lane: 0 }
    assert.deepEqual(await fixture.session.park(relayId, [{ scope, error: 'e', ids: [id] }]), [id])
    assert.equal((await fixture.session.blocked([0]))[0]?.eventId, id)
    await fixture.session.settle({ relayId, number: 1, ids: [[id, id]], acks: [] })
    const cleaning = { retentionMs: 0, limit: 10, leaseMs: 1_000 }
    assert.equal((await fixture.session.clean('one', cleaning)).deleted, 1)
  })

  const wrong: Record<string, { give: () => unknown; says: RegExp }> = {
    nothing: { give: () => undefined, says: /got undefined/ },
    'an object': { give: () => ({}), says: /got an object/ },
    'a client of another database': {
      give: () => ({ query: () => {}, prepare: () => {} }),
      says: /got an object/,
    },
    'a connection outside of a transaction': {
      give: () => fixture.db,
      says: /without an open transaction.*BEGIN IMMEDIATE.*send.*COMMIT/,
    },
    'a database in memory': {
      give: () => begun(new DatabaseSync(':memory:')),
      says: /to a database in memory, takes one to the store's file .*app\.db/,
    },
    'a connection to another file': {
      give: () => begun(new DatabaseSync(join(fixture.folder, 'other.db'))),
      says: /to .*other\.db, takes one to the store's file .*app\.db/,
    },
    'a connection that only attached the file': {
      give: () => {
        const db = new DatabaseSync(join(fixture.folder, 'other.db'))
        db.exec(`attach '${fixture.file}' as app`)
        return begun(db)
      },
      says: /to .*other\.db/,
    },
    'a connection by a hard link, which has another write-ahead log': {
      give: () => {
        const path = join(fixture.folder, 'hard.db')
        linkSync(fixture.file, path)
        const db = new DatabaseSync(path, { readOnly: true })
        return begun(db)
      },
      says: /to .*hard\.db/,
    },
    'a closed connection': {
      give: () => {
        const db = fixture.connect()
        db.close()
        return db
      },
      says: /got a connection that is closed/,
    },
  }
  for (const [what, { give, says }] of Object.entries(wrong)) {
    it(`refuses ${what} in place of a transaction`, async () => {
      const sent = fixture.store.append(give() as SqliteTransaction, [anEvent()])
      await assert.rejects(sent, { code: 'ONCOMMIT_TRANSACTION', message: says })
      assert.deepEqual(await fetchAll(), [])
    })
  }

  it('knows the file through a symbolic link', async () => {
    const path = join(fixture.folder, 'link.db')
    symlinkSync(fixture.file, path)
    const db = begun(new DatabaseSync(path))
    await fixture.store.append(db, [anEvent({ key: 'linked' })])
    db.exec('COMMIT')
    db.close()
    assert.deepEqual(await keys(), ['linked'])
  })

  it('takes a connection that gives rows as arrays and integers as bigints', async () => {
    const db = new DatabaseSync(fixture.file, { returnArrays: true, readBigInts: true })
    await fixture.store.append(begun(db), [anEvent({ key: 'a' }), anEvent({ key: 'b' })])
    db.exec('COMMIT')
    db.close()
    assert.deepEqual(await keys(), ['a', 'b'])
  })

  it('takes a connection that was opened again', async () => {
    fixture.db.close()
    fixture.db.open()
    await fixture.send(anEvent({ key: 'again' }))
    assert.deepEqual(await keys(), ['again'])
  })

  it('says how to begin where a transaction that has read can not write any more', async () => {
    const late = fixture.connect()
    late.exec('BEGIN')
    late.prepare('select count(*) from oncommit_events').all()
    await fixture.send(anEvent({ key: 'first' }))
    await assert.rejects(fixture.store.append(late, [anEvent()]), {
      code: 'ONCOMMIT_STORE',
      message: /begin it with BEGIN IMMEDIATE/,
    })
    late.exec('ROLLBACK')
    late.close()
    assert.deepEqual(await keys(), ['first'])
  })

  it('says how to wait where another connection is writing', async () => {
    const late = fixture.connect()
    late.exec('BEGIN')
    fixture.db.exec('BEGIN IMMEDIATE')
    await assert.rejects(fixture.store.append(late, [anEvent(), anEvent()]), {
      code: 'ONCOMMIT_STORE',
      message: /timeout: 5000/,
    })
    fixture.db.exec('ROLLBACK')
    late.exec('ROLLBACK')
    late.close()
  })

  it('says that the tables are missing', async () => {
    const file = join(fixture.folder, 'empty.db')
    const db = begun(new DatabaseSync(file))
    await assert.rejects(sqlite({ file }).append(db, [anEvent()]), {
      code: 'ONCOMMIT_STORE',
      message:
        /no such table: main\.oncommit_events .*npx oncommit migrate --url 'sqlite:.*empty\.db'/,
    })
    db.close()
  })

  it('keeps two outboxes of a file apart', async () => {
    const other = sqlite({ file: fixture.file, name: 'other', synchronous: 'normal' })
    await other.migrate()
    await fixture.send(anEvent({ key: 'one' }))
    await fixture.inTransaction((db) => other.append(db, [anEvent({ key: 'two' })]))
    await using session = await other.openRelaySession()
    const all = { lanes: [0], inHand: [], maxEvents: 10, maxBytes: 1_000, fromStart: true }
    const { events } = await session.fetch(all)
    assert.deepEqual(
      events.map(({ key }) => key),
      ['two'],
    )
    assert.deepEqual(await keys(), ['one'])
  })
})

function begun(db: DatabaseSync): DatabaseSync {
  db.exec('BEGIN')
  return db
}

/** What may be bent on its way. */
function awkwardEvents(): OutboxEvent[] {
  return [
    anEvent({ payload: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)) }),
    anEvent({ payload: Buffer.from('ff00fe80c3285c7827', 'hex') }),
    anEvent({ payload: Buffer.alloc(0), key: '' }),
    anEvent({ payload: null, key: 'ключ ❤️ "\\ {,} NULL' }),
    anEvent({ payload: new Uint8Array(Buffer.from('xyz')).subarray(1) }),
    anEvent({ payload: Buffer.alloc(900 * 1024, 0xa5), key: 'k'.repeat(5_000) }),
    anEvent({ timestamp: new Date(0), msgType: '', mimeType: '' }),
    anEvent({ timestamp: new Date('9999-12-31T23:59:59.999Z') }),
    anEvent({ timestamp: new Date('0001-01-01T00:00:00.000Z') }),
    anEvent({
      headers: [
        ['b', '1'],
        ['a', '2'],
        ['b', Buffer.from([0, 255])],
        ['', ''],
        ['ü', '\\"\u2028'],
        ['null', 'NULL'],
      ],
    }),
  ]
}

function withoutPlace(event: OutboxEvent): OutboxEvent {
  const { uuid, timestamp, topic, key, msgType, mimeType, headers, payload } = event
  const bytes = payload === null ? null : Buffer.from(payload)
  return { uuid, timestamp, topic, key, msgType, mimeType, headers, payload: bytes }
}

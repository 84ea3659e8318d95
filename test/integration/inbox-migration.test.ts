import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import { MIGRATIONS, SCHEMA_VERSION } from '../../src/stores/postgres/migrations/index.ts'
import { eventOf } from '../../src/testing/outbox-store-contract/harness.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'
import { PostgresInboxHarness } from './postgres/inbox-harness.ts'
import { SqliteInboxHarness } from './sqlite/inbox-harness.ts'
import { MemoryLogger, take } from './stream/reading.ts'

type Harness = PostgresInboxHarness | SqliteInboxHarness

let database: TestDatabase

before(async () => {
  database = await createDatabase(await sharedPostgres(), 'inbox_migration')
})
after(async () => database.drop())

const stores: Readonly<Record<string, () => Promise<Harness>>> = {
  PostgreSQL: () => PostgresInboxHarness.open(database, 'pg'),
  SQLite: () => SqliteInboxHarness.open(),
}

const STEPS = MIGRATIONS.map(({ version, name }) => ({ version, name }))

for (const [name, open] of Object.entries(stores)) {
  describe(`an outbox on ${name} that had no inbox yet`, () => {
    it('keeps its events through the migration, in the midst of which a relay goes on', async () => {
      await using harness = await open()
      await harness.toVersionOne()
      await harness.send(eventOf('1'), eventOf('2'))
      await using session = await harness.store.openRelaySession()
      const id = uuidv7()
      await session.enroll({ id, fence: id, protocol: 1, ttlMs: 60_000 })
      const { owned } = await takeAll(session, id)
      const request = { lanes: owned, inHand: [], maxEvents: 10, maxBytes: 10_000 }
      const first = await session.fetch({ ...request, fromStart: true })
      assert.equal(first.events.length, 2)

      assert.deepEqual(await harness.store.migrate(), STEPS.slice(1))
      await harness.store.check()

      await harness.send(eventOf('3'))
      const ids = first.events.map((event) => [event.id, event.id] as const)
      assert.equal(await session.settle({ relayId: id, number: 1, ids, acks: [] }), true)
      const second = await session.fetch({ ...request, fromStart: false })
      assert.deepEqual(
        second.events.map(({ payload }) => String(payload)),
        ['3'],
      )
      assert.equal(await harness.countSent(), 3)
    })

    it('is refused by a relay until it is migrated, and then published whole', async () => {
      await using harness = await open()
      await harness.toVersionOne()
      await harness.send(...['1', '2', '3'].map((text) => eventOf(text, { topic: 't' })))
      const broker = local({ partitions: 1 })
      await using bus = new EventBus({ broker, store: harness.store, logger: new MemoryLogger() })
      await assert.rejects(bus.startRelay(), {
        code: 'ONCOMMIT_SCHEMA',
        found: 1,
        expected: SCHEMA_VERSION,
        message: new RegExp(
          `are of version 1, this release needs ${SCHEMA_VERSION}: run npx oncommit migrate`,
        ),
      })
      await bus.migrate()
      await using relay = await bus.startRelay()
      assert.ok(relay)
      assert.deepEqual(await take(bus.stream('t', { group: 'g' }), 3), ['1', '2', '3'])
    })
  })
}

type Session = Awaited<ReturnType<Harness['store']['openRelaySession']>>

async function takeAll(session: Session, id: string): Promise<{ owned: readonly number[] }> {
  const tick = await session.tick(id, 60_000, ({ free }) => free)
  assert.equal(tick.state, 'live')
  return { owned: 'owned' in tick ? tick.owned : [] }
}

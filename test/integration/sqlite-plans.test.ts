import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'

import { fetch, fetchHeld } from '../../src/stores/sqlite/fetch.ts'
import { cleanChunk } from '../../src/stores/sqlite/clean.ts'
import type { Queryable, Row } from '../../src/stores/sqlite/database.ts'
import * as membership from '../../src/stores/sqlite/membership.ts'
import { migrationSql } from '../../src/stores/sqlite/migrations/index.ts'
import type { SqliteValue } from '../../src/stores/sqlite/sqlite-client.ts'
import * as refusals from '../../src/stores/sqlite/refusals.ts'
import * as statements from '../../src/stores/sqlite/statements.ts'

const EVENTS = 20_000

/** Notes the plan of each statement that it executes. */
class Explaining implements Queryable {
  readonly plans = new Map<string, string>()
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  run(sql: string, ...values: SqliteValue[]): number {
    this.#explain(sql)
    return Number(this.#db.prepare(sql).run(...values).changes)
  }

  all(sql: string, ...values: SqliteValue[]): readonly Row[] {
    this.#explain(sql)
    return this.#db.prepare(sql).all(...values) as unknown as readonly Row[]
  }

  first(sql: string, ...values: SqliteValue[]): Row | undefined {
    return this.all(sql, ...values)[0]
  }

  each(sql: string, ...values: SqliteValue[]): Iterable<Row> {
    return this.all(sql, ...values)
  }

  script(sql: string): void {
    this.#db.exec(sql)
  }

  #explain(sql: string): void {
    const steps = this.#db.prepare(`explain query plan ${sql}`).all() as unknown as Row[]
    this.plans.set(sql, steps.map((step) => String(step[3])).join('; '))
  }
}

function fill(db: DatabaseSync, count: number): void {
  const inserts = [
    `insert into oncommit_events (topic, key) select 't', value from json_each(?)`,
    `insert into oncommit_held (blocked_id, id, lane) select value % 9 + 100, value + 1000000, 0 from json_each(?)`,
    `insert into oncommit_receipts (first_id, last_id, ids, acks) select value, value, '[]', '[]' from json_each(?)`,
  ]
  const numbers = JSON.stringify(Array.from({ length: count }, (_, n) => n + 1))
  for (const insert of inserts) db.prepare(insert).run(numbers)
}

/** Everything that a relay executes over and over. */
function work(database: Queryable): void {
  const relay = { id: 'r', fence: 'f', protocol: 1, ttlMs: 1_000 }
  const scope = { topic: 't', key: 'k', eventId: null, lane: 0 }
  const limits = { inHand: [[3n, 4n]] as const, maxEvents: 5, maxBytes: 1_000 }
  membership.enroll(database, 'oncommit', relay)
  membership.tick(database, 'oncommit', { relayId: 'r', ttlMs: 1_000 }, ({ free }) => free)
  fetch(database, 'oncommit', 1n, { lanes: [0], fromStart: false, ...limits })
  refusals.park(database, 'oncommit', 'r', [{ scope, error: 'e', ids: [1n, 2n, 3n] }])
  refusals.park(database, 'oncommit', 'r', [
    { scope: { ...scope, key: null }, error: 'e', ids: [3n] },
  ])
  fetchHeld(database, 'oncommit', { blockedIds: [1n, 2n], ...limits })
  const batch = { relayId: 'r', number: 1, ids: [[1n, 9n]] as const, acks: [] }
  statements.settle(database, 'oncommit', batch)
  const refused = { scope: { ...scope, eventId: 1n }, error: 'e', attempts: 1 }
  refusals.refuse(database, 'oncommit', 'r', [{ ...refused, next: { state: 'dead' } }])
  refusals.due(database, 'oncommit', { lanes: [0], exceptTopics: ['u'], limit: 5 })
  refusals.drain(database, 'oncommit', 'r', [1n])
  refusals.unblock(database, 'oncommit', 'r', [1n])
  cleanChunk(database, 'oncommit', { retentionMs: 0, limit: 5 })
}

describe('plans on SQLite', () => {
  for (const [state, events, trusted] of [
    ['empty', 0, EVENTS],
    ['full', EVENTS, 0],
  ] as const) {
    it(`reach every row by its key while tables are ${state} and statistics say otherwise`, () => {
      const db = new DatabaseSync(':memory:', { returnArrays: true, readBigInts: true })
      db.exec(migrationSql('oncommit'))
      fill(db, trusted)
      db.exec('analyze; delete from oncommit_events; delete from oncommit_delivery')
      db.exec(
        'delete from oncommit_held; delete from oncommit_receipts; delete from sqlite_sequence',
      )
      fill(db, events)
      db.exec('analyze sqlite_schema')
      const explaining = new Explaining(db)
      work(explaining)
      const scans = [...explaining.plans].filter(([, plan]) =>
        /SCAN (d|e|h|x|oncommit_(events|delivery|held))\b|ANY\(|TEMP B-TREE/.test(plan),
      )
      assert.deepEqual(scans, [])
      assert.ok(explaining.plans.size >= 15)
      db.close()
    })
  }
})

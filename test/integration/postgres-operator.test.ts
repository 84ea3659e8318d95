import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { Client, Pool } from 'pg'

import { EventBus } from '../../src/bus/event-bus.ts'
import { postgres, rolesSql } from '../../src/stores/postgres/index.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'
import { listed } from '../relay/operator-shop.ts'

const BY = { actor: 'ada', reason: 'INC-1' }
const ACTIONS = [
  `requeue('{1}', now(), '{}')`,
  `discard_dead('{1}', now(), '{}')`,
  `discard_held('{1}', '{}')`,
  `release('{1}', '{}')`,
  `audited('discard', '{}', 1, 1, '{1}', '{}')`,
  `lock_lanes_of('{1}')`,
]

describe('operators of PostgreSQL', () => {
  let database: TestDatabase
  let pool: Pool

  before(async () => {
    database = await createDatabase(await sharedPostgres(), 'postgres_operator')
    pool = new Pool({ ...database.connection, max: 5 })
  })
  after(async () => {
    await pool.end()
    await database.drop()
  })

  it('decide with a role that may do nothing else, and nobody else may', async () => {
    const schema = 'op roles'
    const owner = postgres({ pool, schema })
    await owner.migrate()
    await makeLetters(schema)
    await pool.query(`${rolesSql(schema)} ${rolesSql(schema)}`)
    for (const part of ['operator', 'relay', 'consumer']) {
      await pool.query(
        `CREATE ROLE ${part}_login LOGIN; GRANT "${schema}_${part}" TO ${part}_login`,
      )
    }
    await pool.query(
      `CREATE ROLE guest_login LOGIN; GRANT USAGE ON SCHEMA "${schema}" TO guest_login`,
    )
    const { host, port, database: name } = database.connection
    await using bus = new EventBus({
      store: postgres({ url: `postgres://operator_login@${host}:${port}/${name}`, schema }),
    })
    assert.equal((await listed(bus.operations.deadLetters())).length, 2)
    assert.equal((await bus.operations.requeue({ key: 'k' }, BY)).done, 1)
    assert.equal((await bus.operations.discard({ key: 'k2' }, BY)).done, 1)
    assert.equal((await bus.operations.release({ key: 'b' }, BY)).done, 1)
    await pool.query(`UPDATE "${schema}".blocked SET state = 'blocked'`)
    assert.equal((await bus.operations.discardHeads({ key: 'b' }, BY)).done, 1)
    const [latest] = await bus.operations.audit()
    assert.equal((latest?.details as { user?: string } | undefined)?.user, 'operator_login')

    await as('operator_login', async (client) => {
      for (const sql of [
        `DELETE FROM "${schema}".dead`,
        `INSERT INTO "${schema}".held VALUES (1, 1, 1, 1)`,
        `UPDATE "${schema}".blocked SET state = 'draining'`,
        `UPDATE "${schema}".lanes SET owner = NULL`,
        `DELETE FROM "${schema}".audit`,
        `SELECT "${schema}".${ACTIONS[4] ?? ''}`,
      ])
        await assertDenied(client.query(sql), sql)
    })
    for (const login of ['relay_login', 'consumer_login', 'guest_login'])
      await as(login, async (client) => {
        for (const action of ACTIONS)
          await assertDenied(client.query(`SELECT "${schema}".${action}`), `${login}: ${action}`)
      })
  })

  it('do not hold up relays: what is locked for long they try again, until it is free', async () => {
    const schema = 'op locks'
    const store = postgres({ pool, schema })
    await store.migrate()
    await makeLetters(schema)
    await using bus = new EventBus({ store })
    const relay = await pool.connect()
    await relay.query(`BEGIN; SELECT FROM "${schema}".lanes WHERE lane = 63 FOR UPDATE`)
    await pool.query(`UPDATE "${schema}".blocked SET lane = 63`)
    const released = bus.operations.release({ key: 'b' }, BY)
    const gaveWay = async (): Promise<boolean> => {
      const { rows } = await pool.query(`SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%release(%' AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`)
      return rows.length === 0
    }
    const started = performance.now()
    while (await gaveWay()) if (performance.now() - started > 10_000) throw new Error('never waits')
    while (!(await gaveWay()))
      if (performance.now() - started > 10_000) throw new Error('waits for ever')
    await relay.query('COMMIT')
    relay.release()
    assert.equal((await released).done, 1)
    assert.equal((await bus.operations.audit()).length, 1, 'what gave way is not told')
  })

  /** Two dead letters, and a blocked key with two events. */
  async function makeLetters(schema: string): Promise<void> {
    const s = `"${schema}"`
    await pool.query(`INSERT INTO ${s}.events (topic, key) VALUES ('t', 'k'), ('t', 'k2'), ('t', 'b'), ('t', 'b');
      DELETE FROM ${s}.delivery; INSERT INTO ${s}.dead (id, attempts, error) VALUES (1, 2, 'refused'), (2, 2, 'refused');
      INSERT INTO ${s}.blocked (topic, key, event_id, lane, error, state) VALUES ('t', 'b', 3, ${s}.lane('b', 3), 'refused', 'blocked');
      INSERT INTO ${s}.held (blocked_id, id, lane, size) SELECT 1, id, ${s}.lane('b', 3), 1 FROM generate_series(3, 4) id`)
  }

  async function as(user: string, work: (client: Client) => Promise<void>): Promise<void> {
    const client = new Client({ ...database.connection, user })
    await client.connect()
    try {
      await work(client)
    } finally {
      await client.end()
    }
  }
})

async function assertDenied(query: Promise<unknown>, what: string): Promise<void> {
  await assert.rejects(query, { code: '42501' }, what)
}

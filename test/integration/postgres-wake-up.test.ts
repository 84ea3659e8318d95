import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'

import { Pool, type PoolClient } from 'pg'
import connectPostgresJs, { type Sql } from 'postgres'

import { postgres, type PostgresOptions } from '../../src/stores/postgres/index.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'

describe('waking relays of other processes on PostgreSQL', () => {
  let database: TestDatabase
  let pool: Pool
  let sql: Sql

  before(async () => {
    database = await createDatabase(await sharedPostgres(), 'postgres_wake_up')
    pool = new Pool(database.connection)
    sql = connectPostgresJs(database.connection)
  })
  after(async () => {
    await pool.end()
    await sql.end()
    await database.drop()
  })

  const ways: Record<string, () => PostgresOptions> = {
    'a pg pool': () => ({ pool }),
    'Postgres.js': () => ({ pool: sql }),
    'a url': () => ({ url: database.url }),
    'a pooler and a directUrl': () => ({ pool, pooler: true, directUrl: database.url }),
  }
  for (const [way, options] of Object.entries(ways)) {
    it(`works through ${way}`, async () => {
      const [sender, other, listening] = [
        postgres({ ...options(), schema: 'one' }),
        postgres({ ...options(), schema: 'two' }),
        postgres({ ...options(), schema: 'one' }),
      ]
      const heard = Promise.withResolvers<void>()
      let count = 0
      const listener = await listening.listen(() => {
        count++
        heard.resolve()
      })
      other.announce()
      sender.announce()
      await heard.promise
      assert.equal(count, 1)
      await listener[Symbol.asyncDispose]()
      for (const store of [sender, other, listening]) await store.close()
    })
  }

  it('says it at most 20 times a second, and always after the last send', async () => {
    const store = postgres({ pool, schema: 'often' })
    let count = 0
    let announced = 0
    let last = Promise.withResolvers<void>()
    const listener = await store.listen(() => {
      count++
      last.resolve()
    })
    const start = performance.now()
    while (performance.now() - start < 500) {
      store.announce()
      announced++
      await setTimeout(1)
    }
    last = Promise.withResolvers()
    store.announce()
    await last.promise
    const most = 2 + (performance.now() - start) / 50
    assert.ok(count >= 3 && count <= most, `${count} of ${announced}, at most ${most}`)
    await listener[Symbol.asyncDispose]()
    await store.close()
  })

  it('goes on after the listening connection was cut', async () => {
    const store = postgres({ url: database.url, schema: 'cut' })
    let heard = Promise.withResolvers<void>()
    const listener = await store.listen(() => heard.resolve())
    const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`
    assert.ok(((await pool.query(cut)).rowCount ?? 0) > 0)
    heard = Promise.withResolvers()
    const again = setInterval(() => store.announce(), 20)
    await heard.promise
    clearInterval(again)
    await listener[Symbol.asyncDispose]()
    await store.close()
  })

  it('is left out behind a pooler', async () => {
    const store = postgres({ pool, pooler: true })
    const listener = await store.listen(() => assert.fail())
    store.announce()
    await listener[Symbol.asyncDispose]()
    await store.close()
  })

  it('is not worth an error when the database is away', async () => {
    const away = new Pool({ host: '127.0.0.1', port: 1, connectionTimeoutMillis: 500 })
    const asked = Promise.withResolvers<void>()
    const connect = (): Promise<PoolClient> => {
      asked.resolve()
      return away.connect()
    }
    const store = postgres({ pool: { totalCount: 0, connect } })
    store.announce()
    await asked.promise
    await assert.rejects(
      store.listen(() => {}),
      { code: 'ONCOMMIT_STORE' },
    )
    await store.close()
    await away.end()
  })
})

import { after, before } from 'node:test'
import { Pool } from 'pg'
import connectPostgresJs, { type Sql } from 'postgres'
import type { OutboxStore } from '../../src/core/outbox-store.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import {
  registerOutboxStoreContract,
  type StoreHarness,
} from '../../src/testing/outbox-store-contract.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'

let database: TestDatabase
let pool: Pool
let sql: Sql
let schemas = 0

before(async () => {
  database = await createDatabase(await sharedPostgres(), 'postgres_contract')
  pool = new Pool({ ...database.connection, max: 20 })
  sql = connectPostgresJs({ ...database.connection, max: 20, onnotice: () => {} })
})
after(async () => {
  await pool.end()
  await sql.end()
  await database.drop()
})

interface Driver {
  readonly given: Pool | Sql
  readonly transaction: StoreHarness['transaction']
  readonly notTransactions: StoreHarness['notTransactions']
}

function openStores(given: Pool | Sql): { store: OutboxStore; other: OutboxStore } {
  const schema = `contract ${++schemas}`
  return { store: postgres({ pool: given, schema }), other: postgres({ pool, schema }) }
}

async function openHarness(
  { given, transaction, notTransactions }: Driver,
  dispose: () => Promise<void> = async () => {},
): Promise<StoreHarness> {
  const stores = openStores(given)
  const opened = [stores.store, stores.other]
  await stores.store.migrate()
  const schema = `"${stores.store.outbox}"`
  return {
    ...stores,
    openEmpty: async () => {
      const empty = openStores(given)
      opened.push(empty.store, empty.other)
      return Promise.resolve(empty)
    },
    transaction,
    notTransactions,
    expire: async (relayId) => {
      await pool.query(
        `UPDATE ${schema}.relays SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1`,
        [relayId],
      )
    },
    makeDead: async (eventId) => {
      await pool.query(
        `WITH gone AS (DELETE FROM ${schema}.delivery WHERE id = $1), freed AS (DELETE FROM ${schema}.held WHERE id = $1)
         INSERT INTO ${schema}.dead (id, attempts) VALUES ($1, 1)`,
        [String(eventId)],
      )
    },
    makeNewer: async () => {
      await pool.query(
        `INSERT INTO ${schema}.migrations (version, name, checksum) VALUES (1000, 'newer', '')`,
      )
    },
    storedUuids: async () => {
      const { rows } = await pool.query<{ uuid: string }>(
        `SELECT uuid FROM ${schema}.events ORDER BY id`,
      )
      return rows.map(({ uuid }) => uuid)
    },
    concurrentTransactions: true,
    wakesOthers: true,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map(async (store) => store.close()))
      await dispose()
      await pool.query(`DROP SCHEMA ${schema} CASCADE`)
    },
  }
}

async function openByPg(): Promise<StoreHarness> {
  const idle = await pool.connect()
  const driver: Driver = {
    given: pool,
    transaction: async (work) => {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        const result = await work(client)
        await client.query('COMMIT')
        return result
      } catch (error) {
        await client.query('ROLLBACK')
        throw error
      } finally {
        client.release()
      }
    },
    notTransactions: [
      ['a pool', pool],
      ['a client without BEGIN', idle],
    ],
  }
  return openHarness(driver, async () => idle.release())
}

async function openByPostgresJs(): Promise<StoreHarness> {
  return openHarness({
    given: sql,
    transaction: async <T>(work: (tx: unknown) => Promise<T>) => (await sql.begin(work)) as T,
    notTransactions: [['the sql itself', sql]],
  })
}

registerOutboxStoreContract('PostgreSQL through pg', openByPg)
registerOutboxStoreContract('PostgreSQL through Postgres.js', openByPostgresJs)

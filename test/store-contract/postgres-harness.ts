import { Pool } from 'pg'
import connectPostgresJs, { type Sql } from 'postgres'
import type { OutboxStore } from '../../src/core/outbox-store.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import type { StoreHarness } from '../../src/testing/outbox-store-contract.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'

interface Driver {
  readonly given: Pool | Sql
  readonly transaction: StoreHarness['transaction']
  readonly notTransactions: StoreHarness['notTransactions']
}

/** Harnesses of the store contract in one database, each with a schema of its own. */
export class PostgresHarnesses implements AsyncDisposable {
  readonly #database: TestDatabase
  readonly #pool: Pool
  readonly #sql: Sql
  #schemas = 0

  private constructor(database: TestDatabase) {
    this.#database = database
    this.#pool = new Pool({ ...database.connection, max: 50 })
    // The database goes while connections are idle in it.
    this.#pool.on('error', () => {})
    this.#sql = connectPostgresJs({ ...database.connection, max: 20, onnotice: () => {} })
  }

  static async open(name: string): Promise<PostgresHarnesses> {
    return new PostgresHarnesses(await createDatabase(await sharedPostgres(), name))
  }

  async byPg(): Promise<StoreHarness> {
    const pool = this.#pool
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
    return this.#harness(driver, async () => idle.release())
  }

  async byPostgresJs(): Promise<StoreHarness> {
    const sql = this.#sql
    const driver: Driver = {
      given: sql,
      transaction: async <T>(work: (tx: unknown) => Promise<T>) => (await sql.begin(work)) as T,
      notTransactions: [['the sql itself', sql]],
    }
    return this.#harness(driver, async () => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end()
    await this.#sql.end()
    await this.#database.drop()
  }

  async #harness(driver: Driver, dispose: () => Promise<void>): Promise<StoreHarness> {
    const stores = this.#stores(driver.given)
    const opened = [stores.store, stores.other]
    await stores.store.migrate()
    const schema = `"${stores.store.outbox}"`
    return {
      ...stores,
      ...this.#statements(schema),
      transaction: driver.transaction,
      notTransactions: driver.notTransactions,
      openEmpty: async () => {
        const empty = this.#stores(driver.given)
        opened.push(empty.store, empty.other)
        return Promise.resolve(empty)
      },
      concurrentTransactions: true,
      wakesOthers: true,
      [Symbol.asyncDispose]: async () => {
        await Promise.all(opened.map(async (store) => store.close()))
        await dispose()
        await this.#pool.query(`DROP SCHEMA ${schema} CASCADE`)
      },
    }
  }

  #stores(given: Pool | Sql): { store: OutboxStore; other: OutboxStore } {
    const schema = `contract ${++this.#schemas}`
    const other = postgres({ pool: this.#pool, schema })
    return { store: postgres({ pool: given, schema }), other }
  }

  #statements(
    schema: string,
  ): Pick<StoreHarness, 'expire' | 'makeDead' | 'storedUuids'> &
    Required<Pick<StoreHarness, 'makeNewer'>> {
    const pool = this.#pool
    return {
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
    }
  }
}

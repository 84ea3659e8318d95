import { Pool } from 'pg'
import connectPostgresJs, { type Sql } from 'postgres'

import type { OutboxEvent } from '../../../src/core/event.ts'
import type { OutboxStore } from '../../../src/core/outbox-store.ts'
import { postgres, type PostgresOptions } from '../../../src/stores/postgres/index.ts'
import { bootstrapSql, MIGRATIONS, stepSql } from '../../../src/stores/postgres/migrations/index.ts'
import type { InboxHarness } from '../../../src/testing/index.ts'
import type { TestDatabase } from '../../servers/index.ts'
import { until } from './session-fixture.ts'

let schemas = 0

/** What a handler executes, whichever driver gives the transaction. */
export async function execute(tx: unknown, text: string): Promise<void> {
  const { query, unsafe } = tx as {
    query?: (query: { text: string }) => Promise<unknown>
    unsafe?: (text: string) => PromiseLike<unknown>
  }
  if (query !== undefined) await query.call(tx, { text })
  else await unsafe?.(text)
}

/** Inboxes on tables of their own, with business rows beside them. */
export class PostgresInboxHarness implements InboxHarness {
  readonly store: OutboxStore
  readonly other: OutboxStore
  readonly schema: string
  readonly pool: Pool
  readonly #given: NonNullable<PostgresOptions['pool']>
  readonly #sql: Sql | undefined

  private constructor(pool: Pool, sql: Sql | undefined) {
    this.schema = `inbox_${++schemas}`
    this.pool = pool
    this.#sql = sql
    this.#given = sql ?? pool
    this.store = this.storeOf(this.schema)
    this.other = this.storeOf(this.schema)
  }

  static async open(
    { connection: own }: Pick<TestDatabase, 'connection'>,
    driver: 'pg' | 'Postgres.js',
    { port = own.port }: { readonly port?: number } = {},
  ): Promise<PostgresInboxHarness> {
    const connection = { ...own, port }
    const pool = new Pool(connection)
    // Connections are ended by some tests.
    pool.on('error', () => {})
    const sql =
      driver === 'pg'
        ? undefined
        : connectPostgresJs({
            ...connection,
            max: 10,
            ...(port === own.port ? {} : { prepare: false }),
          })
    const harness = new PostgresInboxHarness(pool, sql)
    await harness.store.migrate()
    await pool.query(`CREATE TABLE ${harness.schema}.business (amount int NOT NULL)`)
    return harness
  }

  storeOf(schema: string, options: Partial<PostgresOptions> = {}): OutboxStore {
    return postgres({ pool: this.#given, schema, ...options })
  }

  async openEmpty(): Promise<OutboxStore> {
    return Promise.resolve(this.storeOf(`${this.schema}_empty`))
  }

  execute(tx: unknown, statement: string): Promise<void> {
    return execute(tx, statement)
  }

  add(tx: unknown, amount: number): Promise<void> {
    return execute(tx, `INSERT INTO ${this.schema}.business VALUES (${amount})`)
  }

  sum(): Promise<number> {
    return this.number(`SELECT coalesce(sum(amount), 0) FROM ${this.schema}.business`)
  }

  countSent(): Promise<number> {
    return this.number(`SELECT count(*) FROM ${this.schema}.events`)
  }

  countNoted(): Promise<number> {
    return this.number(`SELECT count(*) FROM ${this.schema}.inbox`)
  }

  async untilWaiting(): Promise<void> {
    const waiting = `SELECT count(*) FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%${this.schema}%'`
    await until(async () => (await this.number(waiting)) > 0)
  }

  async fill(count: number, ageMs: number): Promise<void> {
    await this.pool.query(
      `INSERT INTO ${this.schema}.inbox SELECT 'g', gen_random_uuid(), now() - interval '${ageMs} ms' FROM generate_series(1, ${count})`,
    )
  }

  /** In a transaction of a sender. */
  async send(...events: readonly OutboxEvent[]): Promise<void> {
    const client = await this.pool.connect()
    await client.query('BEGIN')
    await this.storeOf(this.schema, { pool: this.pool }).append(client, events)
    await client.query('COMMIT')
    client.release()
  }

  /** As a release without an inbox has made the tables. */
  async toVersionOne(): Promise<void> {
    const [first] = MIGRATIONS
    if (first === undefined) throw new Error('there is no migration')
    await this.pool.query(`DROP SCHEMA ${this.schema} CASCADE; ${bootstrapSql(this.schema)}
      ${stepSql(this.schema, first)} CREATE TABLE ${this.schema}.business (amount int NOT NULL)`)
  }

  /** Of a query that gives one. */
  async number(query: string): Promise<number> {
    const { rows } = await this.pool.query<unknown[]>({ text: query, rowMode: 'array' })
    return Number(rows[0]?.[0])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.end()
    await this.#sql?.end()
  }
}

import { Client } from 'pg'
import { POISON_BYTES } from './jobs.ts'

/** The outbox of a run, as an operator sees it. */
export class OutboxView {
  readonly #databaseUrl: () => string
  readonly #schema: string

  constructor(databaseUrl: () => string, schema: string) {
    this.#databaseUrl = databaseUrl
    this.#schema = schema
  }

  /** How many events are on their way. Of those behind a refused one nobody expects to be. */
  async pending(): Promise<number> {
    const s = this.#schema
    const [row] = await this.#query(
      `SELECT (SELECT count(*) FROM ${s}.delivery)::int + (SELECT count(*) FROM ${s}.held
         JOIN ${s}.blocked ON blocked.id = blocked_id WHERE event_id IS NULL OR state <> 'blocked')::int AS n`,
    )
    return Number(row?.['n'])
  }

  /** The uuids of events that wait behind a refused one, or are dead, in the order of their ids. */
  async blocked(): Promise<readonly string[]> {
    const s = this.#schema
    const rows = await this.#query(
      `SELECT uuid FROM ${s}.events WHERE id IN (SELECT id FROM ${s}.dead) OR id IN
         (SELECT held.id FROM ${s}.held JOIN ${s}.blocked ON blocked.id = blocked_id WHERE event_id IS NOT NULL)
       ORDER BY id`,
    )
    return rows.map(({ uuid }) => String(uuid))
  }

  /** Events that are blamed for a block, or dead, though their topic takes them. */
  async wronglyBlamed(): Promise<readonly string[]> {
    const s = this.#schema
    const rows = await this.#query(
      `SELECT uuid, error FROM ${s}.events JOIN (SELECT event_id AS id, error FROM ${s}.blocked
         UNION ALL SELECT id, error FROM ${s}.dead) blamed USING (id)
       WHERE coalesce(octet_length(payload), 0) < ${POISON_BYTES}`,
    )
    return rows.map(({ uuid, error }) => `${String(uuid)}: ${String(error)}`)
  }

  async serverVersion(): Promise<string> {
    const [row] = await this.#query('SHOW server_version')
    return String(row?.['server_version'])
  }

  async drop(): Promise<void> {
    await this.#query(`DROP SCHEMA ${this.#schema} CASCADE`)
  }

  async #query(text: string): Promise<Record<string, unknown>[]> {
    const client = new Client({
      connectionString: this.#databaseUrl(),
      connectionTimeoutMillis: 1_000,
      query_timeout: 20_000,
    })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(text)).rows
    } finally {
      await client.end()
    }
  }
}

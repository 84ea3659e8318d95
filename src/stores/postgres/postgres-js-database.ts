import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'

import { PeerMissingError } from '../../core/errors.ts'
import type { Connection, Database, QueryResult, Row, TransactionWork, Value } from './database.ts'
import { isLostConnection, lostConnection } from './inbox-failure.ts'
import { endablePostgresJs, type EndableTransaction } from './inbox-handle.ts'
import type { PostgresJsQuery, PostgresJsSql, PostgresJsTransaction } from './postgres-client.ts'

/** A Postgres.js of our own with a single connection. */
interface OwnSql {
  unsafe(text: string, values?: never[]): PostgresJsQuery
  end(options: { timeout: number }): Promise<void>
}

type Begin = (work: (sql: PostgresJsTransaction) => Promise<void>) => Promise<void>

interface RawResult extends ReadonlyArray<readonly (Uint8Array | null)[]> {
  readonly count: number | null
  readonly columns: readonly unknown[] | null | undefined
}

/**
 * Sessions beside a given Postgres.js: each is an instance of its own with one connection, made
 * with the given one's options, which is how Postgres.js itself makes the one that listens. A
 * reserved connection can't be held: when it breaks, its handle would go on in another's session.
 */
export class PostgresJsDatabase implements Database {
  readonly #sql: PostgresJsSql

  constructor(sql: PostgresJsSql) {
    this.#sql = sql
  }

  async open(): Promise<Connection> {
    const postgres = await importPostgresJs()
    // Postgres.js ends a connection that is old or idle, also in the midst of a transaction of ours.
    const lasting = { max: 1, fetch_types: false, idle_timeout: null, max_lifetime: null }
    const options = { ...this.#sql.options, ...lasting }
    const own = postgres(options)
    const connection = new PostgresJsConnection(own)
    try {
      await own.unsafe('SELECT')
      return connection
    } catch (error) {
      connection.close(true)
      throw error
    }
  }

  /** The driver sends BEGIN by itself, so that the script is a round trip of its own. */
  async transaction(script: string, work: TransactionWork): Promise<void> {
    let handle: EndableTransaction<PostgresJsTransaction> | undefined
    let working: Promise<void> | undefined
    const ended = Promise.withResolvers<'ended'>()
    try {
      const begun = (this.#sql.begin as Begin)(async (sql) => {
        const [rows = []] = await scriptWith(sql, script)
        handle = endablePostgresJs(sql)
        working = work(handle.tx, rows)
        const failure = await failureOf(working)
        handle.end()
        // Postgres.js would write COMMIT or ROLLBACK to a socket that is gone, which ends the process.
        const patience = isLostConnection(failure?.error) ? wait(1_000) : nextTurn()
        if ((await Promise.race([ended.promise, patience])) === 'ended') await new Promise(() => {})
        if (failure !== undefined) throw failure.error
      })
      begun.catch(() => ended.resolve('ended'))
      await begun
    } catch (error) {
      // A lost connection ends `begin` at once, whatever `work` is doing.
      handle?.end()
      const failure = await failureOf(working)
      if (failure?.error !== error && isLostConnection(error)) throw lostConnection(error)
      throw failure === undefined ? error : failure.error
    } finally {
      handle?.end()
    }
  }

  query(text: string, values?: readonly Value[]): Promise<QueryResult> {
    return queryWith(this.#sql, text, values)
  }

  async listen(channel: string, listener: (payload: string) => void): Promise<AsyncDisposable> {
    const listening = await this.#sql.listen(channel, listener)
    return {
      async [Symbol.asyncDispose]() {
        await listening.unlisten()
      },
    }
  }

  async close(): Promise<void> {}
}

async function importPostgresJs(): Promise<(options: object) => OwnSql> {
  try {
    return (await import('postgres')).default
  } catch (error) {
    throw new PeerMissingError('oncommit/postgres with a Postgres.js pool', 'postgres', {
      cause: error,
    })
  }
}

/**
 * Postgres.js connects again by itself: a script that goes on with a transaction must begin with
 * a statement that fails outside of one.
 */
class PostgresJsConnection implements Connection {
  readonly #sql: OwnSql

  constructor(sql: OwnSql) {
    this.#sql = sql
  }

  query(text: string, values?: readonly Value[]): Promise<QueryResult> {
    return queryWith(this.#sql, text, values)
  }

  script(text: string): Promise<readonly (readonly Row[])[]> {
    return scriptWith(this.#sql, text)
  }

  close(broken = false): void {
    // Nobody waits for it: what it was doing is either done or given up.
    this.#sql.end({ timeout: broken ? 0 : 5 }).catch(() => {})
  }
}

async function scriptWith(
  sql: Pick<OwnSql, 'unsafe'>,
  text: string,
): Promise<readonly (readonly Row[])[]> {
  const results: unknown = await sql.unsafe(text).raw()
  const all = (isListOfResults(results) ? results : [results]) as RawResult[]
  return all.filter((one) => (one.columns?.length ?? 0) > 0).map((one) => textRows(one))
}

/** What a promise rejects with, `undefined` where it doesn't. */
async function failureOf(
  promise: Promise<void> | undefined,
): Promise<{ error: unknown } | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    return { error }
  }
}

async function queryWith(
  sql: Pick<OwnSql, 'unsafe'>,
  text: string,
  values: readonly Value[] = [],
): Promise<QueryResult> {
  const result = (await sql.unsafe(text, [...values] as never[]).raw()) as RawResult
  return { rows: textRows(result), count: result.count ?? 0 }
}

/** A single result is an array as well: of rows, and with a `command`. */
function isListOfResults(results: unknown): results is RawResult[] {
  return Array.isArray(results) && !('command' in results)
}

function textRows(result: RawResult): Row[] {
  return Array.from(result, (row) => row.map((field) => (field === null ? null : textOf(field))))
}

function textOf(field: Uint8Array): string {
  return Buffer.from(field.buffer, field.byteOffset, field.byteLength).toString('utf8')
}

import { PeerMissingError } from '../../core/errors.ts'
import {
  type Connection,
  type Database,
  type QueryResult,
  type Row,
  type TransactionWork,
  type Value,
  withConnection,
} from './database.ts'
import { CopyQuery } from './copy-query.ts'
import { lostConnection } from './inbox-failure.ts'
import { endablePg } from './inbox-handle.ts'
import { keepListening } from './keep-listening.ts'
import type { PgPool, PgPoolClient, PgQuery, PgResult } from './postgres-client.ts'

/** What `pg` clients do beyond what callers must hand in. */
interface PgSession extends PgPoolClient {
  /** Not there where `pg` uses `libpq`. */
  readonly connection?: object
  readonly pipeline?: boolean
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'notification', listener: (message: Notification) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

interface Notification {
  readonly channel: string
  readonly payload?: string
}

interface PgSessionResult extends PgResult {
  readonly fields: readonly unknown[]
}

/** Sessions of a pool of `pg`: one that was given, or our own. */
export class PgDatabase implements Database {
  readonly #pool: () => Promise<PgPool>
  readonly #end: () => Promise<void>

  constructor(pool: () => Promise<PgPool>, end: () => Promise<void> = async () => {}) {
    this.#pool = pool
    this.#end = end
  }

  async open(): Promise<Connection> {
    return new PgConnection(await this.#session())
  }

  async transaction(script: string, work: TransactionWork): Promise<void> {
    const session = await this.#session()
    const connection = new PgConnection(session)
    const handle = endablePg(session)
    let lost = true
    try {
      const [rows = []] = await connection.script(`BEGIN; ${script}`)
      await work(handle.tx, rows)
      handle.end()
      // Fails where the transaction has failed or was ended: COMMIT alone would be answered all the same.
      await connection.script('SAVEPOINT oncommit_end; COMMIT')
      lost = false
    } catch (error) {
      lost = !(await isRolledBack(connection))
      throw lost ? lostConnection(error) : error
    } finally {
      handle.end()
      connection.close(lost)
    }
  }

  query(text: string, values?: readonly Value[]): Promise<QueryResult> {
    return withConnection(this, (connection) => connection.query(text, values))
  }

  async listen(channel: string, listener: (payload: string) => void): Promise<AsyncDisposable> {
    return keepListening(async (onLost) => {
      const session = await this.#session()
      session.on('error', onLost)
      session.on('notification', (message) => {
        if (message.channel === channel) listener(message.payload ?? '')
      })
      try {
        await session.query({ text: `LISTEN ${channel}` })
      } catch (error) {
        session.release(true)
        throw error
      }
      // Not given back: its next user would be sent what we listen for.
      return () => session.release(true)
    })
  }

  async close(): Promise<void> {
    await this.#end()
  }

  async #session(): Promise<PgSession> {
    const pool = await this.#pool()
    return (await pool.connect()) as PgSession
  }
}

/** `false` where nothing can be executed any more. */
async function isRolledBack(connection: Connection): Promise<boolean> {
  try {
    await connection.script('ROLLBACK')
    return true
  } catch {
    return false
  }
}

/** A pool of our own for a URL, made at first use. */
export function pgDatabaseOf(url: string): PgDatabase {
  let pool: Promise<OwnPool> | undefined
  return new PgDatabase(
    () => (pool ??= ownPool(url)),
    async () => {
      await (await pool)?.end()
    },
  )
}

interface OwnPool extends PgPool {
  end(): Promise<void>
}

async function ownPool(url: string): Promise<OwnPool> {
  const { Pool } = await importPg()
  const pool = new Pool({
    connectionString: url,
    application_name: 'oncommit',
    // Relays hold theirs, so that a small number would let one relay wait for another for ever.
    max: 100,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  })
  // An idle connection that breaks is not needed by anyone.
  pool.on('error', () => {})
  // Nor may one end the process that breaks in the moment between its opening and its first use.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

interface Breakable {
  on(event: 'error', listener: () => void): unknown
}

interface PgModule {
  readonly Pool: new (options: object) => OwnPool & {
    on(event: 'error', listener: () => void): unknown
    on(event: 'connect', listener: (client: Breakable) => void): unknown
  }
}

async function importPg(): Promise<PgModule> {
  try {
    return await import('pg')
  } catch (error) {
    throw new PeerMissingError('oncommit/postgres with a url', 'pg', { cause: error })
  }
}

/** Fields stay texts: no parser, ours or one that the user has installed, sees them. */
const untouched = { getTypeParser: () => (field: string) => field }

class PgConnection implements Connection {
  readonly copy?: NonNullable<Connection['copy']>
  readonly #session: PgSession
  // Unheard, the error of a connection that breaks while it is idle would end the process.
  readonly #ignore = (): void => {}

  constructor(session: PgSession) {
    this.#session = session
    session.on('error', this.#ignore)
    if (session.connection !== undefined && session.pipeline !== true)
      this.copy = (text, onCopied) => this.#copy(text, onCopied)
  }

  async query(text: string, values: readonly Value[] = []): Promise<QueryResult> {
    const result = await this.#run(text, values)
    return { rows: result.rows as Row[], count: result.rowCount ?? 0 }
  }

  async script(text: string): Promise<readonly (readonly Row[])[]> {
    const results: unknown = await this.#run(text, [])
    const all = (Array.isArray(results) ? results : [results]) as PgSessionResult[]
    return all.filter((one) => one.fields.length > 0).map((one) => one.rows as Row[])
  }

  close(broken = false): void {
    // A broken one may still report errors while it ends.
    if (!broken) this.#session.removeListener('error', this.#ignore)
    this.#session.release(broken)
  }

  #copy(text: string, onCopied: (row: Buffer) => void): Promise<readonly (readonly Row[])[]> {
    const query = new CopyQuery(text, onCopied)
    void this.#session.query(query as unknown as PgQuery)
    return query.results
  }

  #run(text: string, values: readonly Value[]): Promise<PgResult> {
    const query = { text, values: [...values], rowMode: 'array', types: untouched }
    return this.#session.query(query)
  }
}

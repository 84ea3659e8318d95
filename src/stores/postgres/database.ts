import type { PostgresTransaction } from './postgres-client.ts'

/** A row as the server sent it: texts, in the order of the columns. */
export type Row = readonly (string | null)[]

/** The store's view of one session, whichever driver it is of. */
export interface Connection {
  /** Executes one statement without naming it, so that it can pass a transaction pooler. */
  query(text: string, values?: readonly Value[]): Promise<QueryResult>
  /** Executes statements as one message; the rows of each statement that gives rows. */
  script(text: string): Promise<readonly (readonly Row[])[]>
  /**
   * As `script`, of which one statement is `COPY … TO STDOUT`, whose rows go to `onCopied` instead.
   * Not every driver has it.
   */
  copy?(text: string, onCopied: (row: Buffer) => void): Promise<readonly (readonly Row[])[]>
  /** Gives the session back, or ends it where it is `broken`: at once, whatever it is doing. */
  close(broken?: boolean): void
}

/** Texts and bytes only: other types would pass through serializers that a user may have replaced. */
export type Value = string | Buffer | null

export interface QueryResult {
  readonly rows: readonly Row[]
  /** How many rows the statement returned or changed. */
  readonly count: number
}

/** Executes single statements that each commit by themselves. */
export interface Queryable {
  query(text: string, values?: readonly Value[]): Promise<QueryResult>
}

/** What is done in a transaction, with the rows of the script before it. */
export type TransactionWork = (tx: PostgresTransaction, rows: readonly Row[]) => Promise<void>

/** Where connections come from. Its own `query` uses any of them. */
export interface Database extends Queryable {
  open(): Promise<Connection>
  /**
   * Begins a transaction, executes a script that gives rows, runs `work` and commits. Where anything
   * fails it rolls back and rejects with that: the driver's error, or what `work` threw; with a
   * `StoreError` where the connection was lost. Settles no sooner than `work`.
   */
  transaction(script: string, work: TransactionWork): Promise<void>
  /** Calls `listener` with what is sent to `channel`, also after the connection was lost and made anew. */
  listen(channel: string, listener: (payload: string) => void): Promise<AsyncDisposable>
  /** Closes what was opened here; a pool that was given stays open. */
  close(): Promise<void>
}

/** Opens a connection for one job. */
export async function withConnection<T>(
  database: Database,
  job: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await database.open()
  try {
    const result = await job(connection)
    connection.close()
    return result
  } catch (error) {
    // A failed statement may have left a transaction open.
    connection.close(true)
    throw error
  }
}

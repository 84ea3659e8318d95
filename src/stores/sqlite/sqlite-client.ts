/** What a statement takes. */
export type SqliteValue = null | number | bigint | string | Uint8Array

/** What the store uses of a prepared statement. */
export interface SqliteStatement {
  run(...values: SqliteValue[]): { readonly changes: number | bigint }
  all(...values: SqliteValue[]): readonly unknown[]
}

/** A `DatabaseSync` of `node:sqlite`. */
export interface NodeSqliteConnection {
  readonly isTransaction: boolean
  prepare(sql: string): SqliteStatement
}

/**
 * A `Database` of better-sqlite3. Its default with a write-ahead log is `synchronous = normal`:
 * `db.pragma('synchronous = full')` keeps what was sent through a power loss, too.
 */
export interface BetterSqliteConnection {
  readonly inTransaction: boolean
  prepare(sql: string): SqliteStatement
}

/** A connection to the store's file with an open transaction. */
export type SqliteTransaction = NodeSqliteConnection | BetterSqliteConnection

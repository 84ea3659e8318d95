/**
 * The parts of `pg` and of Postgres.js that the store uses, as shapes: whoever uses one of the
 * two never needs the other's types.
 */

/** What `pg` takes as a query. */
export interface PgQuery {
  readonly text: string
  readonly values?: unknown[]
}

export interface PgResult {
  readonly rows: unknown[]
  readonly rowCount: number | null
}

/** A `Client` or `PoolClient` of `pg`. As a transaction: one on which `BEGIN` was executed. */
export interface PgClient {
  query(query: PgQuery): Promise<PgResult>
  /** A pool has it: it is no transaction. */
  readonly totalCount?: never
}

/** A `Pool` of `pg`. */
export interface PgPool {
  readonly totalCount: number
  connect(): Promise<PgPoolClient>
}

export interface PgPoolClient extends PgClient {
  release(destroy?: boolean): void
}

/** A pending query of Postgres.js, which is a promise of rows. */
export interface PostgresJsQuery extends PromiseLike<readonly unknown[]> {
  raw(): PromiseLike<readonly unknown[]>
}

/** What Postgres.js hands to the function that is given to `sql.begin`. */
export interface PostgresJsTransaction {
  unsafe(text: string, values?: never[]): PostgresJsQuery
  savepoint: unknown
}

/** What `postgres(…)` of Postgres.js gives. */
export interface PostgresJsSql {
  readonly options: object
  unsafe(text: string, values?: never[]): PostgresJsQuery
  begin: unknown
  listen(
    channel: string,
    listener: (payload: string) => void,
  ): PromiseLike<{ unlisten(): Promise<void> }>
}

/**
 * A transaction that events can be added to: a `pg` client on which `BEGIN` was executed, or the
 * `sql` that Postgres.js gives to `sql.begin(async (sql) => …)`.
 */
export type PostgresTransaction = PgClient | PostgresJsTransaction

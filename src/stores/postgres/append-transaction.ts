import { describe, TransactionError } from '../../core/errors.ts'
import type { Statement } from './append-statements.ts'
import type { PgClient, PostgresJsTransaction } from './postgres-client.ts'

/** A sender's transaction, as far as its driver tells. */
export interface SenderTransaction {
  /**
   * A statement that is queued now may find no transaction: none is open as far as is known, or
   * what stands before it in the queue may begin or end one.
   */
  readonly isUncertain: boolean
  /** Queues a statement before it returns; gives how many rows it stored. */
  queue(statement: Statement): Promise<number>
}

const RIGHT_CALL =
  'a pg client on which BEGIN was executed, or the sql that sql.begin(async (sql) => …) gives'

/** What `tx` can do. Throws a `TransactionError` where it can be no open transaction. */
export function transactionOf(tx: unknown): SenderTransaction {
  if (tx === null || (typeof tx !== 'object' && typeof tx !== 'function')) throw wrong(describe(tx))
  const given = tx as Record<string, unknown>
  if (typeof given['unsafe'] === 'function') {
    if (typeof given['begin'] === 'function')
      throw wrong(
        'the sql of Postgres.js itself, where each statement commits by itself',
        'await sql.begin(async (sql) => { await send(sql, event) })',
      )
    if (typeof given['savepoint'] !== 'function') throw wrong('a reserved sql of Postgres.js')
    return ofPostgresJs(tx as PostgresJsTransaction)
  }
  if (typeof given['query'] !== 'function') throw wrong(describe(tx))
  if (typeof given['totalCount'] === 'number')
    throw wrong(
      'a pg Pool, where each statement commits by itself',
      "const client = await pool.connect(); await client.query('BEGIN'); await send(client, event); await client.query('COMMIT')",
    )
  return ofPg(tx as PgClient)
}

export function noTransaction(): TransactionError {
  return wrong(
    'a pg client without an open transaction',
    "await client.query('BEGIN'); await send(client, event); await client.query('COMMIT')",
  )
}

function wrong(got: string, call?: string): TransactionError {
  const hint = call === undefined ? '' : `: ${call}`
  return new TransactionError(
    `events are sent inside of a transaction: got ${got}, takes ${RIGHT_CALL}${hint}`,
  )
}

function ofPostgresJs(sql: PostgresJsTransaction): SenderTransaction {
  return {
    isUncertain: false,
    async queue({ text, values }) {
      // Queued by `then`, which an `await` would call only after what the caller runs next.
      return sql.unsafe(text, values as never[]).then(countOf)
    },
  }
}

function countOf(result: unknown): number {
  return (result as { count?: number | null }).count ?? 0
}

/** What `pg` has beyond what callers must hand in. Without it, a client counts as in a transaction. */
interface PgQueue extends PgClient {
  /** Since pg 8.21: what the server said last: `I` idle, `T` in a transaction, `E` in a failed one. */
  getTransactionStatus?(): string | null
  readonly readyForQuery?: boolean
  readonly _activeQuery?: Queued | null
  /** Under way, where `pg` pipelines. */
  readonly _sentQueryQueue?: readonly Queued[]
  readonly _queryQueue?: readonly Queued[]
}

interface Queued {
  readonly values?: unknown
}

/** Values of our own statements, by which they are known in the queue: they neither begin nor end anything. */
const ours = new WeakSet<object>()

function ofPg(client: PgQueue): SenderTransaction {
  return {
    isUncertain: isUncertain(client),
    async queue(statement) {
      ours.add(statement.values)
      const { rowCount } = await client.query(statement)
      return rowCount ?? 0
    },
  }
}

function isUncertain(client: PgQueue): boolean {
  if (client.getTransactionStatus === undefined) return false
  if (client.getTransactionStatus() !== 'T') return true
  const { readyForQuery, _activeQuery: active, _sentQueryQueue = [], _queryQueue = [] } = client
  // A statement has failed, and the status after it is not known yet.
  if (readyForQuery === false && !active) return true
  const before = [...(active ? [active] : []), ..._sentQueryQueue, ..._queryQueue]
  return !before.every(({ values }) => ours.has(values as object))
}

import type { Connection, Queryable, QueryResult, Value } from './database.ts'
import { quoteLiteral } from './sql-text.ts'

/**
 * Statements with a timeout of their own, each in a transaction that is sent as one message: a
 * setting of the session would stay behind in what a transaction pooler gives to others.
 */
export class BoundedQueries implements Queryable {
  readonly #connection: Connection
  readonly #statementTimeoutMs: number

  constructor(connection: Connection, statementTimeoutMs: number) {
    this.#connection = connection
    this.#statementTimeoutMs = statementTimeoutMs
  }

  async query(text: string, values: readonly Value[] = []): Promise<QueryResult> {
    const statement = text.replaceAll(/\$(\d+)/g, (_, n) => literal(values[Number(n) - 1] ?? null))
    const [rows = []] = await this.#connection.script(
      `BEGIN; ${timeoutSql(this.#statementTimeoutMs)} ${statement}; COMMIT`,
    )
    return { rows, count: rows.length }
  }
}

export function timeoutSql(statementTimeoutMs: number): string {
  return `SET LOCAL statement_timeout = ${statementTimeoutMs};`
}

function literal(value: Value): string {
  if (value === null) return 'NULL'
  return typeof value === 'string' ? quoteLiteral(value) : `'\\x${value.toString('hex')}'::bytea`
}

import { randomUUID } from 'node:crypto'

import { StoreError } from '../../core/errors.ts'
import type { OutboxEvent } from '../../core/event.ts'
import { insertsOf, setGuard } from './append-statements.ts'
import { noTransaction, transactionOf } from './append-transaction.ts'
import type { PostgresTransaction } from './postgres-client.ts'
import { storeFailure } from './store-failure.ts'

/**
 * Adds events to `tx`. `schema` is quoted.
 *
 * All statements are queued before this returns, so that no COMMIT or ROLLBACK of the caller comes
 * before or between them, whether or not they wait for this. Where the driver can't say that a
 * transaction is open then, a statement before marks it, and those after it store nothing without.
 */
export async function append(
  schema: string,
  tx: PostgresTransaction,
  events: readonly OutboxEvent[],
): Promise<void> {
  const transaction = transactionOf(tx)
  const guard = transaction.isUncertain ? randomUUID() : undefined
  const inserts = insertsOf(schema, events, guard)
  const marking = guard === undefined ? [] : [transaction.queue(setGuard(guard))]
  const storing = inserts.map((insert) => transaction.queue(insert))
  const results = await Promise.allSettled([...marking, ...storing])
  // The first is the cause of the others.
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failureOf(failed.reason, schema)
  for (const [n, { events: count }] of inserts.entries()) {
    const stored = await storing[n]
    if (stored === 0 && guard !== undefined) throw noTransaction()
    if (stored !== count)
      throw new StoreError(`${stored} of ${count} events were stored: roll back`)
  }
}

const UNDEFINED_TABLE = '42P01'
const IN_FAILED_TRANSACTION = '25P02'

function failureOf(error: unknown, schema: string): Error {
  const failure = storeFailure('storing events', error)
  const hint = hintFor((error as { code?: unknown } | null)?.code, schema)
  return hint === '' ? failure : new StoreError(`${failure.message} (${hint})`, { cause: error })
}

function hintFor(code: unknown, schema: string): string {
  if (code === IN_FAILED_TRANSACTION)
    return 'the transaction had failed before, by another statement: look for the first error'
  if (code !== UNDEFINED_TABLE) return ''
  const name = schema.slice(1, -1).replaceAll('""', '"')
  const option = name === 'oncommit' ? '' : ` --schema '${name.replaceAll("'", String.raw`'\''`)}'`
  return `the tables are missing: npx oncommit migrate${option}, or await bus.migrate()`
}

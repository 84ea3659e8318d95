import { TransactionError } from '../../core/errors.ts'
import type { PostgresJsTransaction } from './postgres-client.ts'

/** A transaction of Postgres.js that takes no statement any more once it was ended. */
export interface EndableTransaction {
  readonly sql: PostgresJsTransaction
  end(): void
}

type Call = (...args: unknown[]) => unknown

/** What executes statements. Everything else only makes parts of them. */
const EXECUTING = new Set<string | symbol>(['unsafe', 'file', 'savepoint'])

/**
 * Postgres.js itself goes on when the connection of a transaction was lost, in another session,
 * where each statement commits by itself.
 */
export function endable(sql: PostgresJsTransaction): EndableTransaction {
  let ended = false
  const guarded = (call: Call): Call => {
    return (...args) => {
      if (ended) throw new TransactionError('the transaction of the inbox has ended')
      return call(...args.map((arg) => (typeof arg === 'function' ? onGuarded(arg as Call) : arg)))
    }
  }
  /** The function that is given to `savepoint` gets a handle of its own. */
  const onGuarded = (callback: Call): Call => {
    return (inner) => callback(guard(inner as PostgresJsTransaction))
  }
  const guard = (handle: PostgresJsTransaction): PostgresJsTransaction =>
    new Proxy(handle, {
      apply: (target, _, args: unknown[]) => guarded(target as unknown as Call)(...args),
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        return EXECUTING.has(name) ? guarded(value as Call) : value
      },
    })
  return {
    sql: guard(sql),
    end() {
      ended = true
    },
  }
}

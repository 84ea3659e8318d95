import type { DatabaseSync, StatementSync } from 'node:sqlite'

import { TransactionError } from '../../core/errors.ts'
import {
  inboxHasEnded,
  notForTheHandler,
  transactionControl,
} from '../../core/transaction-control.ts'

/** A connection for the work of an inbox: its transaction is not for the work to end, and it takes nothing afterwards. */
export interface EndableConnection {
  readonly tx: DatabaseSync
  end(): void
}

type Call = (...args: unknown[]) => unknown

/** Later the connection has the transactions of other events, or none: what is executed then is refused. */
export function endable(database: DatabaseSync): EndableConnection {
  let ended = false
  const requireOpen = (): void => {
    if (ended) throw inboxHasEnded()
    if (!database.isTransaction)
      throw new TransactionError(
        'the transaction of the inbox has ended before the handler: by hand, or by a statement that failed',
      )
  }
  const statement = (prepared: StatementSync): StatementSync =>
    new Proxy(prepared, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          requireOpen()
          return (value as Call).apply(target, args)
        }
      },
    })
  const tx = new Proxy(database, {
    get: (target, name) => {
      if (name === 'isTransaction') return !ended && target.isTransaction
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        requireOpen()
        requireHarmless(name, args[0])
        const result = (value as Call).apply(target, args)
        return name === 'prepare' ? statement(result as StatementSync) : result
      }
    },
  })
  return {
    tx,
    end() {
      ended = true
    },
  }
}

function requireHarmless(method: string | symbol, statement: unknown): void {
  const words = method === 'close' ? 'close()' : transactionControl(statement)
  if (words !== null) throw notForTheHandler(words)
}

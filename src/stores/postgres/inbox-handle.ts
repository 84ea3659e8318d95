import { TransactionError } from '../../core/errors.ts'
import {
  inboxHasEnded,
  notForTheHandler,
  transactionControl,
} from '../../core/transaction-control.ts'
import type { PgPoolClient, PostgresJsTransaction } from './postgres-client.ts'

/** A transaction for the work of an inbox: it is not for the work to end, and takes nothing afterwards. */
export interface EndableTransaction<Tx> {
  readonly tx: Tx
  end(): void
}

type Call = (...args: unknown[]) => unknown

/** What would be executed in another's transaction, or end this one. */
class Refusal {
  #ended = false

  end(): void {
    this.#ended = true
  }

  /** `null` where a statement may be executed. */
  of(statement: unknown): TransactionError | null {
    if (this.#ended) return inboxHasEnded()
    const words = transactionControl(statement)
    return words === null ? null : notForTheHandler(words)
  }
}

const refuseRelease = (): never => {
  throw new TransactionError("the client is the inbox's to give back, when the handler has ended")
}

/** `pg` itself executes statements of a client that was given back: in the transaction of whoever has it then. */
export function endablePg<Client extends PgPoolClient>(client: Client): EndableTransaction<Client> {
  const refusal = new Refusal()
  const query: Call = (...args) => {
    const [given] = args
    const { text = given } = Object(given) as { readonly text?: unknown }
    const refused = refusal.of(text)
    if (refused === null) return (client.query as unknown as Call).apply(client, args)
    const isPromised = !args.some((arg) => typeof arg === 'function') && !isSubmittable(given)
    if (isPromised) return Promise.reject(refused)
    throw refused
  }
  const tx = new Proxy(client, {
    get: (target, name) => {
      if (name === 'query') return query
      return name === 'release' ? refuseRelease : (Reflect.get(target, name) as unknown)
    },
  })
  return { tx, end: () => refusal.end() }
}

/** A cursor, a stream: `pg` gives it back, and no promise. */
function isSubmittable(given: unknown): boolean {
  return typeof (given as { submit?: unknown } | null | undefined)?.submit === 'function'
}

/** What executes statements. Everything else only makes parts of them. */
const EXECUTING = new Set<string | symbol>(['unsafe', 'file', 'savepoint'])

/**
 * Postgres.js itself goes on when the connection of a transaction was lost, in another session,
 * where each statement commits by itself.
 */
export function endablePostgresJs(
  sql: PostgresJsTransaction,
): EndableTransaction<PostgresJsTransaction> {
  const refusal = new Refusal()
  const guarded = (call: Call, statementOf: (given: unknown) => unknown): Call => {
    return (...args) => {
      const refused = refusal.of(statementOf(args[0]))
      if (refused !== null) throw refused
      return call(...args.map((arg) => (typeof arg === 'function' ? onGuarded(arg as Call) : arg)))
    }
  }
  /** The function that is given to `savepoint` gets a handle of its own. */
  const onGuarded = (callback: Call): Call => {
    return (inner) => callback(guard(inner as PostgresJsTransaction))
  }
  const guard = (handle: PostgresJsTransaction): PostgresJsTransaction =>
    new Proxy(handle, {
      apply: (target, _, args: unknown[]) =>
        guarded(target as unknown as Call, beginningOf)(...args),
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        // It would end the transaction in two phases.
        if (name === 'prepare') return () => guarded(value as Call, () => 'PREPARE TRANSACTION')()
        if (!EXECUTING.has(name)) return value
        return guarded(value as Call, name === 'unsafe' ? itself : nothing)
      },
    })
  return { tx: guard(sql), end: () => refusal.end() }
}

const itself = (statement: unknown): unknown => statement
const nothing = (): null => null

/** Of a tagged template; a name or values that become a part of one have none. */
function beginningOf(given: unknown): unknown {
  return Array.isArray(given) && 'raw' in given ? (given[0] as unknown) : null
}

import { reasonOf, StoreError } from '../../core/errors.ts'

/** The `StoreError` of a connection that was lost in a transaction. */
export function lostConnection(error: unknown): StoreError {
  return new StoreError(`the connection was lost in a transaction: ${reasonOf(error)}`, {
    cause: error,
  })
}

/** Of the server when it ends a session, of Postgres.js, or of the operating system. */
export function isLostConnection(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown }
  if (typeof syscall === 'string') return true
  return typeof code === 'string' && /^(?:08...|57P0.|CONNECT(?:ION)?_[A-Z]+)$/.test(code)
}

/** Another transaction was in the way: the same again may pass. Looks at the causes, too. */
export function isSerialisationFailure(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++)
    if (['40001', '40P01'].includes(codeOf(at) ?? '')) return true
  return false
}

/**
 * A COMMIT failed by what was done in the transaction, as by a constraint that is checked at its end:
 * it would fail again. Other classes of SQLSTATE, and errors without one, are the database's.
 */
export function isByContent(error: unknown): boolean {
  return /^(?:2[0-4]|27|2F|39|42|44|P0)/.test(codeOf(error) ?? '')
}

/** There is no transaction to commit, or a statement in it has failed. */
export function isWithoutTransaction(error: unknown): boolean {
  return ['25P01', '25P02'].includes(codeOf(error) ?? '')
}

export function isUndefinedTable(error: unknown): boolean {
  return codeOf(error) === '42P01'
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}

import { OncommitError, reasonOf, StoreError } from '../../core/errors.ts'

const BUSY = 5
const BUSY_SNAPSHOT = 517
const PROTOCOL = 15
const CONSTRAINT = 19

/** The driver's error as a `StoreError`; our own errors stay what they are. */
export function storeFailure(action: string, error: unknown, hint = ''): OncommitError {
  if (error instanceof OncommitError) return error
  return new StoreError(`${action} failed: ${reasonOf(error)}${hint}`, { cause: error })
}

/** Another connection has the lock: it may be had a moment later. */
export function isBusy(error: unknown): boolean {
  const { errcode, code } = (error ?? {}) as { errcode?: unknown; code?: unknown }
  if (typeof errcode === 'number') return [BUSY, PROTOCOL].includes(errcode & 0xff)
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY')
}

/** The transaction has read what is old by now: it can never write, however long it waits. */
export function isStale(error: unknown): boolean {
  const { errcode, code } = (error ?? {}) as { errcode?: unknown; code?: unknown }
  return errcode === BUSY_SNAPSHOT || code === 'SQLITE_BUSY_SNAPSHOT'
}

/** What was written breaks a rule of the tables: it would again. */
export function isConstraint(error: unknown): boolean {
  const { errcode } = (error ?? {}) as { errcode?: unknown }
  return typeof errcode === 'number' && (errcode & 0xff) === CONSTRAINT
}

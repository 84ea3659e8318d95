import { OncommitError, reasonOf, StoreError } from '../../core/errors.ts'

/** The driver's error as a `StoreError`; our own errors stay what they are. */
export function storeFailure(action: string, error: unknown): OncommitError {
  if (error instanceof OncommitError) return error
  return new StoreError(`${action} failed: ${reasonOf(error)}`, { cause: error })
}

import { BrokerError, OncommitError, reasonOf } from '../../core/errors.ts'

const BUSY = 5
const LOCKED = 6
const READ_ONLY = 8
const CANNOT_OPEN = 14
const NOT_A_DATABASE = 26
const AWAY: ReadonlySet<number> = new Set([BUSY, LOCKED, 10, 13])
const MISCONFIGURED: ReadonlySet<number> = new Set([READ_ONLY, CANNOT_OPEN, NOT_A_DATABASE])

/**
 * What SQLite threw, as the failure of a broker: locked for too long, a disk that is full or fails
 * are `away`, a file that can't be opened or written to is `misconfigured`.
 */
export function toBrokerError(error: unknown): OncommitError {
  if (error instanceof OncommitError) return error
  const code = resultCode(error)
  const kind = AWAY.has(code) ? 'away' : MISCONFIGURED.has(code) ? 'misconfigured' : 'unknown'
  return new BrokerError(kind, `the log's file failed: ${reasonOf(error)}`, { cause: error })
}

export function isBusy(error: unknown): boolean {
  const code = resultCode(error)
  return code === BUSY || code === LOCKED
}

/** The primary result code; extended ones have it in their low byte. */
function resultCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null | undefined)?.errcode
  return typeof code === 'number' ? code & 0xff : -1
}

import { resolve } from 'node:path'

import { OptionError } from '../../core/errors.ts'
import { inboxRetentionMs } from '../../core/inbox.ts'
import { knownOptions, oneOf, text, wholeNumber } from '../../core/options.ts'

/** Options of `sqlite`. */
export interface SqliteOptions {
  /**
   * Path of the file in which the application keeps its own tables, on a local disk. Any number of
   * processes may use it. The store turns on its write-ahead log.
   */
  readonly file: string
  /** What the names of the tables begin with, as in `oncommit_events`: an outbox of its own for each. @defaultValue 'oncommit' */
  readonly name?: string
  /**
   * Of the store's own connections; those of senders keep theirs. `full` survives a power loss;
   * `normal` survives a killed process, and publishes again what it forgot in a power loss.
   * A sender whose connection is `normal` may lose a transaction in a power loss whose event was
   * published already.
   * @defaultValue 'full'
   */
  readonly synchronous?: 'full' | 'normal'
  /** How long the store waits for a writer to finish before it fails with a `StoreError`. @defaultValue 5_000 */
  readonly busyTimeoutMs?: number
  /**
   * What a consumer's inbox has noted is forgotten after so long, and an event that comes again is
   * new: longer than any replay goes back. `Infinity` keeps it. @defaultValue 604800 (7 days)
   */
  readonly inboxRetentionSeconds?: number
}

const NAMES = ['file', 'name', 'synchronous', 'busyTimeoutMs', 'inboxRetentionSeconds']

/** Options that were checked, with the defaults. */
export interface ResolvedOptions {
  /** Absolute. */
  readonly file: string
  /** Needs no quotes in SQL. */
  readonly name: string
  readonly synchronous: 'full' | 'normal'
  readonly busyTimeoutMs: number
  readonly inboxRetentionMs: number
}

export function resolveOptions(options: SqliteOptions): ResolvedOptions {
  knownOptions('sqlite', options, NAMES)
  const { name = 'oncommit', synchronous = 'full', busyTimeoutMs = 5_000 } = options
  return Object.freeze({
    file: resolve(pathOf(options.file)),
    name: checkName(name),
    synchronous: oneOf('sqlite.synchronous', synchronous, ['full', 'normal']),
    busyTimeoutMs: wholeNumber('sqlite.busyTimeoutMs', busyTimeoutMs, { min: 0, max: 3_600_000 }),
    inboxRetentionMs: inboxRetentionMs(
      'sqlite.inboxRetentionSeconds',
      options.inboxRetentionSeconds,
    ),
  })
}

function pathOf(file: unknown): string {
  const path = text('sqlite.file', file)
  // What SQLite would not take as a path: such a database has no second connection, or another name.
  if (path === ':memory:' || path.startsWith('file:') || path.includes('\0'))
    throw new OptionError('sqlite.file', file, 'the path of a file')
  return path
}

/** `name` where it can begin the names of tables. Throws an `OptionError` otherwise. */
export function checkName(name: unknown): string {
  if (typeof name === 'string' && /^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name))
    if (!name.toLowerCase().startsWith('sqlite')) return name
  throw new OptionError(
    'sqlite.name',
    name,
    'up to 63 letters, digits and _, not beginning with a digit or with sqlite',
  )
}

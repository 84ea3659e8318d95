import { OptionError } from '../../core/errors.ts'
import { inboxRetentionMs } from '../../core/inbox.ts'
import { flag, knownOptions, requireMethods, text, wholeNumber } from '../../core/options.ts'
import type { PgPool, PostgresJsSql } from './postgres-client.ts'
import { quoteIdent } from './sql-text.ts'

/** Options of `postgres`. Either `pool` or `url` is given. */
export interface PostgresOptions {
  /** A `Pool` of `pg`, or what `postgres(…)` of Postgres.js gives. A running relay holds two of its connections. */
  readonly pool?: PgPool | PostgresJsSql
  /** Where the database is: the store makes a pool of `pg` for itself at first use. */
  readonly url?: string
  /**
   * Where the database is without a transaction pooler in between, for what needs a session:
   * relays, and the hints that wake them. @defaultValue `url`, or connections of `pool`
   */
  readonly directUrl?: string
  /**
   * A transaction pooler (pgbouncer …) stands before the database. All works through it but the
   * hints that wake relays of other processes, which then wait for their poll. @defaultValue false
   */
  readonly pooler?: boolean
  /** The schema of the tables; an outbox of its own for each. @defaultValue 'oncommit' */
  readonly schema?: string
  /**
   * How long a statement of a relay may take, and how long an inbox waits for an event that another
   * has in hand. @defaultValue 30_000
   */
  readonly statementTimeoutMs?: number
  /**
   * What a consumer's inbox has noted is forgotten after so long, and an event that comes again is
   * new: longer than any replay goes back. `Infinity` keeps it. @defaultValue 604800 (7 days)
   */
  readonly inboxRetentionSeconds?: number
}

const NAMES = [
  'pool',
  'url',
  'directUrl',
  'pooler',
  'schema',
  'statementTimeoutMs',
  'inboxRetentionSeconds',
]

/** Options that were checked, with the defaults. */
export interface ResolvedOptions {
  readonly pool: PgPool | PostgresJsSql | undefined
  readonly url: string | undefined
  readonly directUrl: string | undefined
  readonly pooler: boolean
  readonly schema: string
  readonly quotedSchema: string
  readonly statementTimeoutMs: number
  readonly inboxRetentionMs: number
}

export function resolveOptions(options: PostgresOptions): ResolvedOptions {
  refuseBare(options)
  knownOptions('postgres', options, NAMES)
  const { pool, url, directUrl, schema = 'oncommit' } = options
  if ((pool === undefined) === (url === undefined))
    throw new OptionError('postgres', options, 'one of pool and url')
  if (pool !== undefined) requirePool(pool)
  const quotedSchema = quoteIdent('postgres.schema', text('postgres.schema', schema))
  // Bodies of functions are quoted with it.
  if (schema.includes('$')) throw new OptionError('postgres.schema', schema, 'a name without $')
  return {
    pool,
    url: url === undefined ? undefined : text('postgres.url', url),
    directUrl: directUrl === undefined ? undefined : text('postgres.directUrl', directUrl),
    pooler: flag('postgres.pooler', options.pooler ?? false),
    schema,
    quotedSchema,
    statementTimeoutMs: wholeNumber(
      'postgres.statementTimeoutMs',
      options.statementTimeoutMs ?? 30_000,
      { min: 1, max: 2 ** 31 - 1 - 60_000 },
    ),
    inboxRetentionMs: inboxRetentionMs(
      'postgres.inboxRetentionSeconds',
      options.inboxRetentionSeconds,
    ),
  }
}

/** Recognises what belongs inside of the options, and was given in their place. */
function refuseBare(given: unknown): void {
  // Not shown: there may be a password in it.
  if (typeof given === 'string')
    throw new OptionError('postgres', '…', 'an object of options: postgres({ url })')
  const { connect, query } = (given ?? {}) as { connect?: unknown; query?: unknown }
  if (isPostgresJs(given) || typeof connect === 'function' || typeof query === 'function')
    throw new OptionError('postgres', given, 'an object of options: postgres({ pool })')
}

function requirePool(pool: unknown): void {
  const takes = 'a Pool of pg, or the sql that postgres(…) of Postgres.js gives'
  if (isPostgresJs(pool)) requireMethods('postgres.pool', pool, ['begin', 'listen'], takes)
  else {
    requireMethods('postgres.pool', pool, ['connect'], takes)
    if (typeof (pool as Partial<PgPool>).totalCount !== 'number')
      throw new OptionError('postgres.pool', pool, takes)
  }
}

export function isPostgresJs(pool: unknown): pool is PostgresJsSql {
  return typeof (pool as Partial<PostgresJsSql> | undefined)?.unsafe === 'function'
}

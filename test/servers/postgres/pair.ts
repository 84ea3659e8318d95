import { setTimeout } from 'node:timers/promises'

import type { Server } from '../server.ts'
import { type Connection, connect, connectSoon } from './database.ts'
import { type PostgresOptions, startPostgres } from './postgres.ts'
import { startReplica } from './replica.ts'

/** A PostgreSQL that loses nothing it acknowledged when its machine is gone. */
export interface PostgresPair extends AsyncDisposable {
  /** Who takes writes now. */
  readonly primary: Server
  /** Who has all that was acknowledged, and takes over. */
  readonly standby: Server
  /** Resolves when the standby has everything again: only then may it take over, and commits go on. */
  untilSynchronous(): Promise<void>
  /**
   * Kills the primary, for good, and lets the standby take writes in its place. Commits wait from
   * then on until there is a new standby.
   */
  failOver(): Promise<void>
  /** Makes a new standby from the primary; the one before has become the primary, or is removed. */
  renewStandby(): Promise<void>
}

const settings = {
  max_connections: 80,
  // A standby that was away finds what it missed.
  wal_keep_size: '256MB',
  max_wal_size: '256MB',
  wal_retrieve_retry_interval: '100ms',
}

/**
 * Starts a primary and a synchronous standby of it.
 *
 * @example
 * await using pair = await startPostgresPair()
 * await pair.failOver()
 */
export async function startPostgresPair(options: PostgresOptions = {}): Promise<PostgresPair> {
  const all = { ...options, settings: { ...settings, ...options.settings } }
  await using started = new AsyncDisposableStack()
  const primary = started.use(await startPostgres(all))
  await using connection = await connect(primary)
  // Written before the copy, so that every standby inherits it; heard when there is a standby.
  await connection.query(`alter system set synchronous_standby_names = '*'`)
  const standby = started.use(await startReplica(primary, all))
  const pair = new Pair(primary, standby, all)
  await connection.query('select pg_reload_conf()')
  await pair.untilSynchronous()
  started.move()
  return pair
}

class Pair implements PostgresPair {
  primary: Server
  standby: Server
  readonly #options: PostgresOptions

  constructor(primary: Server, standby: Server, options: PostgresOptions) {
    this.primary = primary
    this.standby = standby
    this.#options = options
  }

  async untilSynchronous(): Promise<void> {
    await using primary = await connectSoon(this.primary)
    const deadline = Date.now() + 60_000
    while (!(await followsSynchronously(primary))) {
      if (Date.now() > deadline) throw new Error(`The standby is away\n${this.standby.log()}`)
      await setTimeout(10)
    }
  }

  async failOver(): Promise<void> {
    const before = this.primary
    await before.kill()
    await using standby = await connectSoon(this.standby)
    await standby.query('select pg_promote(true, 60)')
    this.primary = this.standby
    await before[Symbol.asyncDispose]()
  }

  async renewStandby(): Promise<void> {
    if (this.standby !== this.primary) await this.standby[Symbol.asyncDispose]()
    this.standby = await startReplica(this.primary, this.#options)
    await this.untilSynchronous()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.standby, this.primary].map((server) => server[Symbol.asyncDispose]()))
  }
}

async function followsSynchronously(primary: Connection): Promise<boolean> {
  const { rows } = await primary.query(
    `select 1 from pg_stat_replication where state = 'streaming' and sync_state in ('sync', 'quorum')`,
  )
  return rows.length > 0
}

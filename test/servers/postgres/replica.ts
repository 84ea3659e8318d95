import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

import { run } from '../programs.ts'
import { type Server, startServer } from '../server.ts'
import { connect, connectSoon } from './database.ts'
import { type PostgresOptions, postgresRecipe } from './postgres.ts'
import { findPostgres, giveToNobody } from './programs.ts'

/**
 * Starts a hot standby of a running server: it answers reads, refuses writes and follows by
 * streaming replication. The primary goes on meanwhile.
 *
 * @example
 * await using primary = await startPostgres()
 * await using replica = await startReplica(primary)
 */
export async function startReplica(
  primary: Server,
  options: PostgresOptions = {},
): Promise<Server> {
  const home = await findPostgres()
  if ('image' in home) throw new Error('A replica needs PostgreSQL outside of a container: npm ci')
  const source = `host=${primary.host} port=${primary.port} user=postgres`
  const settings = {
    ...(await settingsThatMustNotBeLower(primary)),
    ...options.settings,
    primary_conninfo: source,
  }
  const recipe = postgresRecipe(home, { ...options, settings }, (place) =>
    copyBase(primary, place.folder),
  )
  return startServer(recipe)
}

/** A standby refuses to start where its tables for what the primary does are smaller. */
async function settingsThatMustNotBeLower(primary: Server): Promise<Record<string, string>> {
  await using connection = await connectSoon(primary)
  const { rows } = await connection.query(
    `select name, setting from pg_settings where name in ('max_connections', 'max_locks_per_transaction',
       'max_prepared_transactions', 'max_wal_senders', 'max_worker_processes')`,
  )
  return Object.fromEntries(rows.map((row) => [String(row['name']), String(row['setting'])]))
}

/** What `pg_basebackup` does, which the npm packages leave out. */
async function copyBase(primary: Server, folder: string): Promise<void> {
  const data = join(folder, 'data')
  await using connection = await connectSoon(primary)
  await connection.query(`select pg_backup_start('replica', true)`)
  await copyLiving(join(primary.folder, 'data'), data)
  const stop = 'select labelfile from pg_backup_stop(wait_for_archive => false)'
  const label = String((await connection.query(stop)).rows[0]?.['labelfile'])
  mkdirSync(join(data, 'pg_wal'), { mode: 0o700 })
  giveToNobody(join(data, 'pg_wal'))
  for (const [name, text] of Object.entries({ backup_label: label, 'standby.signal': '' })) {
    writeFileSync(join(data, name), text)
    giveToNobody(join(data, name))
  }
}

/** What belongs to the running primary alone. */
const notCopied = new Set(['pg_wal', 'postmaster.pid', 'postmaster.opts'])

/** Copies a data folder in use: files of it may vanish meanwhile, which the log makes good. */
async function copyLiving(from: string, to: string): Promise<void> {
  mkdirSync(to, { mode: 0o700, recursive: true })
  giveToNobody(to)
  const names = readdirSync(from).filter((name) => !notCopied.has(name))
  const { stderr } = await run('cp', ['-pR', ...names.map((name) => join(from, name)), to], {
    env: { ...process.env, LC_ALL: 'C' },
  })
  const failures = stderr
    .split('\n')
    .filter((line) => line !== '' && !line.includes('No such file'))
  if (failures.length > 0) throw new Error(`cp could not copy ${from}\n${failures.join('\n')}`)
}

/** Waits until a replica shows everything that its primary had committed at the time of the call. */
export async function untilReplayed(primary: Server, replica: Server): Promise<void> {
  await using source = await connect(primary)
  await using target = await connect(replica)
  const { rows } = await source.query('select pg_current_wal_lsn()::text as lsn')
  const replayed = 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as done'
  while ((await target.query(replayed, [rows[0]?.['lsn']])).rows[0]?.['done'] !== true) {
    await setTimeout(5)
  }
}

import { backoffMs } from '../../core/backoff.ts'
import { systemClock } from '../../core/clock.ts'
import type { AppliedMigration } from '../../core/outbox-store.ts'
import { type Connection, type Database, withConnection } from './database.ts'
import { readVersion } from './schema-version.ts'
import { bootstrapSql, type Migration, MIGRATIONS, stepSql } from './migrations/index.ts'
import { quoteLiteral } from './sql-text.ts'

/** Our part of the two-key space of advisory locks. */
const LOCK_SPACE = 0x6f63
/** A migration that waits for a lock holds up whoever comes after it: it lets them by and tries again. */
const LOCK_TIMEOUT_MS = 5_000
const ATTEMPTS = 20
const RETRY = { firstMs: 100, maxMs: 5_000, jitter: 0.5 }
const LOCK_NOT_AVAILABLE = '55P03'

/** Brings the tables of a quoted schema to this release's version; any number of processes at once. */
export async function migrate(
  database: Database,
  schema: string,
): Promise<readonly AppliedMigration[]> {
  const applied: AppliedMigration[] = []
  for (const migration of MIGRATIONS) {
    const current = await readVersion(database, schema)
    if ((current ?? 0) >= migration.version) continue
    if (await applyPatiently(database, schema, migration))
      applied.push({ version: migration.version, name: migration.name })
  }
  return applied
}

async function applyPatiently(
  database: Database,
  schema: string,
  migration: Migration,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await withConnection(database, (connection) => apply(connection, schema, migration))
    } catch (error) {
      if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE || attempt === ATTEMPTS)
        throw error
      await systemClock.sleep(backoffMs(RETRY, attempt))
    }
  }
}

/** `false` where another process was first. */
async function apply(
  connection: Connection,
  schema: string,
  migration: Migration,
): Promise<boolean> {
  await connection.script(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; SET LOCAL client_min_messages = warning;
    SELECT pg_advisory_xact_lock(${LOCK_SPACE}, hashtext(${quoteLiteral(schema)}));`)
  const current = await readVersion(connection, schema)
  if ((current ?? 0) >= migration.version) {
    await connection.script('ROLLBACK')
    return false
  }
  // Fails outside of a transaction block, where a lost connection would have left us.
  await connection.script(
    `SAVEPOINT migration; ${bootstrapSql(schema)} ${stepSql(schema, migration)} COMMIT`,
  )
  return true
}

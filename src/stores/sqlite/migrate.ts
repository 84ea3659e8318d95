import type { AppliedMigration } from '../../core/outbox-store.ts'
import type { Database, Queryable } from './database.ts'
import { bootstrapSql, type Migration, MIGRATIONS, stepSql } from './migrations/index.ts'
import { readVersion } from './schema-version.ts'

const ACTION = 'migrating'

/** Brings the tables to this release's version; any number of processes at once. */
export async function migrate(
  database: Database,
  name: string,
): Promise<readonly AppliedMigration[]> {
  const applied: AppliedMigration[] = []
  for (const migration of MIGRATIONS) {
    const current = await database.read(ACTION, (connection) => readVersion(connection, name))
    if ((current ?? 0) >= migration.version) continue
    if (await database.transaction(ACTION, (connection) => apply(connection, name, migration)))
      applied.push({ version: migration.version, name: migration.name })
  }
  return applied
}

/** `false` where another process was first. */
function apply(database: Queryable, name: string, migration: Migration): boolean {
  if ((readVersion(database, name) ?? 0) >= migration.version) return false
  database.script(`${bootstrapSql(name)} ${stepSql(name, migration)}`)
  return true
}

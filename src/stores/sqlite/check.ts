import { existsSync } from 'node:fs'

import { UnsafeStoreError } from '../../core/errors.ts'
import type { Database, Queryable } from './database.ts'
import { readVersion, requireVersion } from './schema-version.ts'

/** Throws where the tables can't keep the promises. Only reads. */
export async function check(database: Database, file: string, name: string): Promise<void> {
  // Opening it would make it.
  if (!existsSync(file)) requireVersion(null, file)
  await database.read('checking the database', (connection) => {
    requireVersion(readVersion(connection, name), file)
    requireTrigger(connection, name)
  })
}

function requireTrigger(database: Queryable, name: string): void {
  const trigger = database.first(
    `select 1 from sqlite_schema where type = 'trigger' and name = ? and tbl_name = ?`,
    `${name}_enqueue`,
    `${name}_events`,
  )
  if (trigger === undefined)
    throw new UnsafeStoreError(
      `the trigger ${name}_enqueue is gone, so that events would be stored and never published: make it again, as migrationSql('${name}') of oncommit/sqlite prints it`,
    )
}

import { SchemaVersionError } from '../../core/errors.ts'
import type { Queryable } from './database.ts'
import { SCHEMA_VERSION } from './migrations/index.ts'

/** The version of the tables whose names begin with `name`, `null` where there are none. */
export function readVersion(database: Queryable, name: string): number | null {
  const table = database.first(
    `select 1 from sqlite_schema where type = 'table' and lower(name) = lower(?)`,
    `${name}_migrations`,
  )
  if (table === undefined) return null
  const [version = null] = database.first(`select max(version) from ${name}_migrations`) ?? []
  return version === null ? null : Number(version)
}

/** Throws a `SchemaVersionError` unless `found` is what this release works with. */
export function requireVersion(found: number | null, where: string): void {
  if (found === SCHEMA_VERSION) return
  const versions = { found, expected: SCHEMA_VERSION }
  if (found === null)
    throw new SchemaVersionError(
      `there are no tables of oncommit in ${where}: run npx oncommit migrate`,
      versions,
    )
  throw new SchemaVersionError(
    found < SCHEMA_VERSION
      ? `the tables in ${where} are of version ${found}, this release needs ${SCHEMA_VERSION}: run npx oncommit migrate`
      : `the tables in ${where} are of version ${found}, this release knows none above ${SCHEMA_VERSION}: use a newer oncommit`,
    versions,
  )
}

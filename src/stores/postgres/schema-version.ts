import { SchemaVersionError } from '../../core/errors.ts'
import type { Queryable } from './database.ts'
import { SCHEMA_VERSION } from './migrations/index.ts'
import { quoteLiteral } from './sql-text.ts'

/** The version of the tables in a quoted schema, `null` where there are none. */
export async function readVersion(database: Queryable, schema: string): Promise<number | null> {
  const table = quoteLiteral(`${schema}.migrations`)
  const { count } = await database.query(
    `SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass(${table})`,
  )
  if (count === 0) return null
  const {
    rows: [row],
  } = await database.query(`SELECT max(version) FROM ${schema}.migrations`)
  const version = row?.[0] ?? null
  return version === null ? null : Number(version)
}

/** Throws a `SchemaVersionError` unless `found` is what this release works with. */
export function requireVersion(found: number | null, schema: string): void {
  if (found === SCHEMA_VERSION) return
  const versions = { found, expected: SCHEMA_VERSION }
  if (found === null)
    throw new SchemaVersionError(
      `there are no tables of oncommit in the schema ${schema}: run npx oncommit migrate`,
      versions,
    )
  throw new SchemaVersionError(
    found < SCHEMA_VERSION
      ? `the tables in the schema ${schema} are of version ${found}, this release needs ${SCHEMA_VERSION}: run npx oncommit migrate`
      : `the tables in the schema ${schema} are of version ${found}, this release knows none above ${SCHEMA_VERSION}: use a newer oncommit`,
    versions,
  )
}

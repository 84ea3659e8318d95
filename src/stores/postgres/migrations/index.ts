import { createHash } from 'node:crypto'

import { quoteIdent, quoteLiteral } from '../sql-text.ts'
import { outbox } from './0001-outbox.ts'
import { inbox } from './0002-inbox.ts'
import { relayReports } from './0003-relay-reports.ts'
import { refusals } from './0004-refusals.ts'
import { operators } from './0005-operators.ts'
import { waitingRelays } from './0006-waiting-relays.ts'

/** A step from one version of the tables to the next. Never changed once it was released. */
export interface Migration {
  readonly version: number
  readonly name: string
  /** Statements for a quoted schema. */
  sql(schema: string): string
}

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, name: 'outbox', sql: outbox },
  { version: 2, name: 'inbox', sql: inbox },
  { version: 3, name: 'relay-reports', sql: relayReports },
  { version: 4, name: 'refusals', sql: refusals },
  { version: 5, name: 'operators', sql: operators },
  { version: 6, name: 'waiting-relays', sql: waitingRelays },
]

/** The version that this release works with. */
export const SCHEMA_VERSION: number = MIGRATIONS.length

/** Makes what the migrations themselves need. `schema` is quoted. */
export function bootstrapSql(schema: string): string {
  // IF NOT EXISTS would ask for the right to make schemas where there is one.
  return `DO $do$ BEGIN
  IF to_regnamespace(${quoteLiteral(schema)}) IS NULL THEN CREATE SCHEMA ${schema}; END IF;
END $do$;
CREATE TABLE IF NOT EXISTS ${schema}.migrations (
  version int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);`
}

/** One migration's statements and its entry in the list of them. `schema` is quoted. */
export function stepSql(schema: string, migration: Migration): string {
  const { version, name } = migration
  return `${migration.sql(schema)}
INSERT INTO ${schema}.migrations (version, name, checksum) VALUES (${version}, ${quoteLiteral(name)}, '${checksum(migration)}');`
}

/** Of the statements, whatever the schema is called. */
function checksum(migration: Migration): string {
  return createHash('sha256').update(migration.sql('$')).digest('hex').slice(0, 16)
}

/**
 * The migrations as plain SQL, for who applies them by other means: all of them, or those after
 * version `from`. One transaction each.
 *
 * @example
 * console.log(migrationSql('oncommit'))
 */
export function migrationSql(schema: string, from = 0): string {
  const quoted = quoteIdent('schema', schema)
  const steps = MIGRATIONS.filter(({ version }) => version > from).map(
    (migration) =>
      `-- ${migration.version}: ${migration.name}\nBEGIN;\n${bootstrapSql(quoted)}\n${stepSql(quoted, migration)}\nCOMMIT;\n`,
  )
  return steps.join('\n')
}

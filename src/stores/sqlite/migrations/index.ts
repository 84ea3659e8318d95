import { createHash } from 'node:crypto'

import { checkName } from '../options.ts'
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
  /** Statements for tables whose names begin with `name`. */
  sql(name: string): string
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

/** Makes what the migrations themselves need. */
export function bootstrapSql(name: string): string {
  return `create table if not exists ${name}_migrations (
  version integer primary key, name text not null, checksum text not null,
  applied_at integer not null default (cast(strftime('%s', 'now') as integer) * 1000)
) strict;`
}

/** One migration's statements and its entry in the list of them. */
export function stepSql(name: string, migration: Migration): string {
  return `${migration.sql(name)}
insert into ${name}_migrations (version, name, checksum) values (${migration.version}, '${migration.name}', '${checksum(migration)}');`
}

/** Of the statements, whatever the tables are called. */
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
export function migrationSql(name: string, from = 0): string {
  const checked = checkName(name)
  const steps = MIGRATIONS.filter(({ version }) => version > from).map(
    (migration) =>
      `-- ${migration.version}: ${migration.name}\nbegin immediate;\n${bootstrapSql(checked)}\n${stepSql(checked, migration)}\ncommit;\n`,
  )
  return steps.join('\n')
}

import { wholeNumber } from '../../core/options.ts'
import { migrationSql } from '../../stores/postgres/index.ts'
import { EXIT } from '../exit-codes.ts'
import { storeFrom } from '../connections.ts'
import type { StoreFlags } from '../connections.ts'
import type { Terminal } from '../terminal.ts'

export interface MigrateFlags extends StoreFlags {
  readonly print?: boolean
  readonly from?: string
}

/** `oncommit migrate`: makes or changes the tables, or prints what would. */
export async function migrate(flags: MigrateFlags, terminal: Terminal): Promise<number> {
  if (flags.print === true) {
    const from = Number(flags.from ?? 0)
    wholeNumber('--from', from, { min: 0 })
    terminal.result(migrationSql(flags.schema ?? 'oncommit', from))
    return EXIT.done
  }
  const store = storeFrom(flags, terminal.environment)
  try {
    const applied = await store.migrate()
    for (const { version, name } of applied) terminal.result(`applied ${version} ${name}`)
    if (applied.length === 0) terminal.result('nothing to do')
    return EXIT.done
  } finally {
    await store.close()
  }
}

export { migrationSql } from './migrations/index.ts'
export type { SqliteOptions } from './options.ts'
export type {
  BetterSqliteConnection,
  NodeSqliteConnection,
  SqliteStatement,
  SqliteTransaction,
  SqliteValue,
} from './sqlite-client.ts'
export { sqlite } from './sqlite-store.ts'

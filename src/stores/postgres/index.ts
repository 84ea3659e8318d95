export { migrationSql } from './migrations/index.ts'
export type { PostgresOptions } from './options.ts'
export type {
  PgClient,
  PgPool,
  PgPoolClient,
  PgQuery,
  PgResult,
  PostgresJsQuery,
  PostgresJsSql,
  PostgresJsTransaction,
  PostgresTransaction,
} from './postgres-client.ts'
export { postgres } from './postgres-store.ts'
export { type RoleNames, rolesSql } from './roles.ts'

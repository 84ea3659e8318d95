import { registerOutboxOperationsContract } from '../../src/testing/outbox-operations-contract.ts'
import { openSqlite } from '../store-contract/sqlite-harness.ts'

registerOutboxOperationsContract('SQLite through node:sqlite', openSqlite)

import { registerOutboxOperationsContract } from '../../src/testing/outbox-operations-contract.ts'
import { openSqliteHarness } from './sqlite/store-harness.ts'

registerOutboxOperationsContract('SQLite through node:sqlite', openSqliteHarness)

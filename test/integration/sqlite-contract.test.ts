import { registerOutboxStoreContract } from '../../src/testing/outbox-store-contract.ts'
import { openSqliteHarness } from './sqlite/store-harness.ts'

registerOutboxStoreContract('SQLite through node:sqlite', openSqliteHarness)

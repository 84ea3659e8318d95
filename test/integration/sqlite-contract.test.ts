import { registerOutboxStoreContract } from '../../src/testing/outbox-store-contract.ts'
import { openSqlite } from '../store-contract/sqlite-harness.ts'

registerOutboxStoreContract('SQLite through node:sqlite', openSqlite)

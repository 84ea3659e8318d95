import { registerInboxContract } from '../../src/testing/index.ts'
import { SqliteInboxHarness } from './sqlite/inbox-harness.ts'

registerInboxContract('SQLite through node:sqlite', () => SqliteInboxHarness.open())

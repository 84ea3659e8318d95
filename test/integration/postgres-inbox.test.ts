import { after, before } from 'node:test'

import { registerInboxContract } from '../../src/testing/index.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'
import { PostgresInboxHarness } from './postgres/inbox-harness.ts'

let database: TestDatabase

before(async () => {
  database = await createDatabase(await sharedPostgres(), 'postgres_inbox')
})
after(async () => database.drop())

const DRIVERS = ['pg', 'Postgres.js'] as const

for (const driver of DRIVERS)
  registerInboxContract(`PostgreSQL through ${driver}`, () =>
    PostgresInboxHarness.open(database, driver),
  )

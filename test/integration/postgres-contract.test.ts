import { after, before } from 'node:test'
import { registerOutboxStoreContract } from '../../src/testing/outbox-store-contract.ts'
import { PostgresHarnesses } from '../store-contract/postgres-harness.ts'

let harnesses: PostgresHarnesses

before(async () => {
  harnesses = await PostgresHarnesses.open('postgres_contract')
})
after(async () => harnesses[Symbol.asyncDispose]())

registerOutboxStoreContract('PostgreSQL through pg', async () => harnesses.byPg())
registerOutboxStoreContract('PostgreSQL through Postgres.js', async () => harnesses.byPostgresJs())

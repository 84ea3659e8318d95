import { after, before } from 'node:test'
import { registerOutboxOperationsContract } from '../../src/testing/outbox-operations-contract.ts'
import { PostgresHarnesses } from '../store-contract/postgres-harness.ts'

let harnesses: PostgresHarnesses

before(async () => {
  harnesses = await PostgresHarnesses.open('postgres_operations_contract')
})
after(async () => harnesses[Symbol.asyncDispose]())

registerOutboxOperationsContract('PostgreSQL through pg', async () => harnesses.byPg())
registerOutboxOperationsContract('PostgreSQL through Postgres.js', async () =>
  harnesses.byPostgresJs(),
)

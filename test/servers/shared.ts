import { type KafkaServer, startKafka } from './kafka/kafka.ts'
import { startPostgres } from './postgres/postgres.ts'
import type { Address, Server } from './server.ts'

// Addresses in the environment win: of a service of the CI, of a server under a debugger, and of
// the servers that setup.ts has started for all test files.
export const postgresVariable = 'ONCOMMIT_TEST_POSTGRES'
export const kafkaVariable = 'ONCOMMIT_TEST_KAFKA'

let postgres: Promise<Server> | undefined
let kafka: Promise<KafkaServer> | undefined

/** The PostgreSQL that tests share; where nobody has started one, one for this process. */
export async function sharedPostgres(): Promise<Address> {
  const given = addressFrom(postgresVariable)
  if (given) return given
  postgres ??= startPostgres()
  return postgres
}

/** The Kafka that tests share; where nobody has started one, one for this process. */
export async function sharedKafka(): Promise<Address> {
  const given = addressFrom(kafkaVariable)
  if (given) return given
  kafka ??= startKafka()
  return kafka
}

function addressFrom(variable: string): Address | undefined {
  const address = process.env[variable]
  if (address === undefined || address === '') return undefined
  const [, host = '', port = ''] = /^(.+):(\d+)$/.exec(address) ?? []
  if (host === '') throw new Error(`${variable} is ${address}: it takes host:port`)
  return { address, host, port: Number(port) }
}

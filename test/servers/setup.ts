import { startKafka } from './kafka/kafka.ts'
import { startPostgres } from './postgres/postgres.ts'
import { progress } from './programs.ts'
import type { Server } from './server.ts'
import { kafkaVariable, postgresVariable } from './shared.ts'

// node --test --test-global-setup=test/servers/setup.ts

const running = new AsyncDisposableStack()

/** Starts what all test files share; their processes find the addresses in the environment. */
export async function globalSetup(): Promise<void> {
  try {
    await share('PostgreSQL', postgresVariable, startPostgres)
    await share('Kafka', kafkaVariable, startKafka)
  } catch (error) {
    // No teardown follows a setup that failed.
    await running.disposeAsync()
    throw error
  }
}

export async function globalTeardown(): Promise<void> {
  await running.disposeAsync()
}

async function share(name: string, variable: string, start: () => Promise<Server>): Promise<void> {
  const given = process.env[variable]
  if (given !== undefined && given !== '') {
    progress(`${name} is at ${given} (${variable})`)
    return
  }
  const before = performance.now()
  process.env[variable] = running.use(await start()).address
  const seconds = ((performance.now() - before) / 1_000).toFixed(1)
  progress(`${name} started in ${seconds} s (${process.env[variable]})`)
}

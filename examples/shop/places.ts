import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Place } from './shop.ts'

/** Two files in a temporary folder: no server at all. */
export function embeddedPlace(stack: AsyncDisposableStack): Place {
  const folder = mkdtempSync(join(tmpdir(), 'oncommit-demo-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  return { kind: 'sqlite', shopFile: join(folder, 'shop.db'), logFile: join(folder, 'broker.db') }
}

/** A real PostgreSQL and a real Kafka: those of the environment, or started for this run. */
export async function realPlace(stack: AsyncDisposableStack): Promise<Place> {
  const { createDatabase, createTopic, sharedKafka, sharedPostgres } =
    await import('../../test/servers/index.ts')
  const [postgres, kafka] = await Promise.all([sharedPostgres(), sharedKafka()])
  for (const server of [postgres, kafka]) {
    if (Symbol.asyncDispose in server) stack.use(server as AsyncDisposable)
  }
  const database = stack.use(await createDatabase(postgres, `demo_${process.pid}`))
  await createTopic(kafka, 'orders', { partitions: 4 })
  return { kind: 'kafka', databaseUrl: database.url, broker: kafka.address }
}

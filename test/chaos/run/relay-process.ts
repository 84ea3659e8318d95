// A relay in a process of its own, to be killed and frozen.
import { setTimeout as sleep } from 'node:timers/promises'
import { kafka } from '../../../src/brokers/kafka/index.ts'
import { EventBus, type Relay, StoreError } from '../../../src/index.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { live, logger } from './client-life.ts'
import { BATCH_SIZE, type Job, RELAY_TTL_MS } from './jobs.ts'

await live<Job>(async ({ client, scene }) => {
  const { databaseUrl, schema, brokers, guarantee } = scene
  const bus = new EventBus({
    store: postgres({ url: databaseUrl, schema, statementTimeoutMs: 10_000 }),
    broker: kafka({ brokers, guarantee, clientId: client, markerTopic: `${schema}_markers` }),
    logger: logger(client),
  })
  const relay = await started(bus)
  return {
    report: () => ({ published: relay.status.published, relayId: relay.status.relayId }),
    stop: () => bus.close(),
  }
})

/** Where the database is away a relay does not start, and says so: a supervisor starts it again. */
async function started(bus: EventBus): Promise<Relay> {
  for (;;) {
    try {
      return await bus.startRelay({ batchSize: BATCH_SIZE, ttlMs: RELAY_TTL_MS })
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      process.stderr.write(`${error.message}, again\n`)
      await sleep(200)
    }
  }
}

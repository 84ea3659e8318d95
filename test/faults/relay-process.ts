// A relay in a process of its own, to be killed and frozen. It says how it is, ten times a second.
import { once } from 'node:events'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { EventBus } from '../../src/index.ts'
import { postgres } from '../../src/stores/postgres/index.ts'

const log = (message: string): void => void process.stderr.write(`${process.pid} ${message}\n`)

export interface RelayJob {
  readonly databaseUrl: string
  readonly broker: string
  readonly guarantee: 'exactly-once' | 'at-least-once'
  readonly batchSize: number
  readonly ttlMs: number
  readonly user?: { readonly username: string; readonly password: string }
}

export interface RelayReport {
  readonly relayId: string | null
  readonly lanes: number
  readonly published: number
}

if (process.send !== undefined) {
  const job = JSON.parse(process.argv[2] ?? '{}') as RelayJob
  const bus = new EventBus({
    store: postgres({ url: job.databaseUrl }),
    broker: kafka({
      brokers: [job.broker],
      guarantee: job.guarantee,
      ...(job.user === undefined ? {} : { sasl: { mechanism: 'PLAIN', ...job.user } }),
    }),
    logger: { debug: log, info: log, warn: log, error: log },
  })
  const relay = await bus.startRelay({ batchSize: job.batchSize, ttlMs: job.ttlMs })
  const telling = setInterval(() => {
    const { relayId, lanes, published } = relay.status
    const report: RelayReport = { relayId, lanes: lanes.length, published }
    process.send?.(report, undefined, undefined, () => {})
  }, 100)
  await once(process, 'disconnect')
  clearInterval(telling)
  await bus.close()
}

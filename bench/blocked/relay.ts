// Relays an outbox in a process of its own until it is told to end; says what it has published.
import { kafka } from '../../src/brokers/kafka/index.ts'
import { EventBus } from '../../src/index.ts'
import { postgres } from '../../src/stores/postgres/index.ts'

export interface BlockedJob {
  readonly databaseUrl: string
  readonly broker: string
}

export interface BlockedReport {
  readonly published: number
  /** The most that it has had. */
  readonly maxRssMiB: number
}

const job = JSON.parse(process.argv[2] ?? '{}') as BlockedJob
const bus = new EventBus({
  store: postgres({ url: job.databaseUrl }),
  broker: kafka({ brokers: [job.broker], maxRecordBytes: 4_000_000 }),
  logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
})
const relay = await bus.startRelay({ pollIntervalMs: 100, refusals: { retryMs: 60_000 } })
let told = -1
const telling = setInterval(() => {
  const { published } = relay.status
  if (published === told) return
  told = published
  const maxRssMiB = process.resourceUsage().maxRSS / 1024
  process.send?.({ published, maxRssMiB } satisfies BlockedReport)
}, 2)
process.once('message', () => {
  clearInterval(telling)
  void bus.close().then(() => process.disconnect?.())
})

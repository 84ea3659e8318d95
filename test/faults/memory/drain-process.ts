// Drains an outbox in a process of its own, and reports its largest memory.
import { kafka } from '../../../src/brokers/kafka/index.ts'
import { EventBus } from '../../../src/index.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'

export interface DrainJob {
  readonly databaseUrl: string
  readonly broker: string
  readonly events: number
  readonly maxRecordBytes: number
}

export interface DrainReport {
  readonly published: number
  readonly maxRssMiB: number
}

if (process.send !== undefined) {
  const job = JSON.parse(process.argv[2] ?? '{}') as DrainJob
  const bus = new EventBus({
    store: postgres({ url: job.databaseUrl }),
    broker: kafka({ brokers: [job.broker], maxRecordBytes: job.maxRecordBytes }),
  })
  // Collected often, so that the figure is what the relay holds, not how lazy the collector is.
  const collecting = setInterval(() => globalThis.gc?.(), 50)
  const relay = await bus.startRelay()
  while (relay.status.published < job.events) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const report: DrainReport = {
    published: relay.status.published,
    maxRssMiB: process.resourceUsage().maxRSS / 1024,
  }
  clearInterval(collecting)
  await bus.close()
  process.send(report, undefined, undefined, () => process.disconnect?.())
}

// One contestant of the drain: started as a process, gets its job as an argument, reports once.
import { kafka } from '../../src/brokers/kafka/index.ts'
import { EventBus } from '../../src/index.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { judge, topicEnds } from './judge.ts'
import type { Finding, Job } from './job.ts'
import { drainRaw } from './raw.ts'

if (process.send !== undefined) {
  const job = JSON.parse(process.argv[2] ?? '{}') as Job
  const finding = await contend(job)
  process.send(finding, () => process.disconnect?.())
}

async function contend(job: Job): Promise<Finding> {
  const { contestant, events } = job
  const from = await topicEnds(job.broker)
  const before = process.cpuUsage()
  const seconds = contestant === 'raw' ? await drainRaw(job) : await drainByRelay(job, contestant)
  const cpu = process.cpuUsage(before)
  const judged = await judge(job, from)
  return { perSecond: events / seconds, cpuMicros: (cpu.user + cpu.system) / events, ...judged }
}

/** Seconds from the start of the relay to the last settled event. */
async function drainByRelay(
  job: Job,
  guarantee: 'at-least-once' | 'exactly-once',
): Promise<number> {
  const bus = new EventBus({
    store: postgres({ url: job.databaseUrl }),
    broker: kafka({ brokers: [job.broker], guarantee }),
  })
  const began = performance.now()
  const relay = await bus.startRelay()
  while (relay.status.published < job.events) await new Promise((resolve) => setTimeout(resolve, 1))
  const seconds = (performance.now() - began) / 1000
  await bus.close()
  return seconds
}

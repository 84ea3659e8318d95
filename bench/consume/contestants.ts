// One contestant: started as a process, gets its job as an argument, reports once.
import { kafka } from '../../src/brokers/kafka/index.ts'
import { EventBus } from '../../src/index.ts'
import { fetchAll } from './bare.ts'
import { type Finding, type Job, TOPIC } from './job.ts'
import { Stopwatch } from './stopwatch.ts'

if (process.send !== undefined) {
  const job = JSON.parse(process.argv[2] ?? '{}') as Job
  const finding = await contend(job)
  process.send(finding, () => process.disconnect?.())
}

async function contend(job: Job): Promise<Finding> {
  const clock = new Stopwatch(job.events)
  await (job.contestant === 'fetch' ? fetchAll(job, clock) : streamAll(job, clock))
  return clock.finding()
}

async function streamAll(job: Job, clock: Stopwatch): Promise<void> {
  await using bus = new EventBus({ broker: kafka({ brokers: [job.broker] }) })
  for await (const _ of bus.stream(TOPIC, { group: job.group, commit: 'auto' }))
    if (clock.count(1)) break
}

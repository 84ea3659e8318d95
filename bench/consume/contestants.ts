// One contestant: started as a process, gets its job as an argument, reports once.
import { kafka } from '../../src/brokers/kafka/index.ts'
import { EventBus } from '../../src/index.ts'
import { fetchAll } from './bare.ts'
import { type Contestant, type Finding, type Job, TOPIC } from './job.ts'
import { readWithKafkaJs } from './kafkajs.ts'
import { Stopwatch } from './stopwatch.ts'

type Way = (job: Job, clock: Stopwatch) => Promise<void>

const ways: Record<Contestant, Way> = {
  fetch: fetchAll,
  stream: streamAll,
  consume: consumeAll,
  'kafkajs eachBatch': readWithKafkaJs,
  'kafkajs eachMessage': readWithKafkaJs,
}

if (process.send !== undefined) {
  const job = JSON.parse(process.argv[2] ?? '{}') as Job
  const finding = await contend(job)
  process.send(finding, () => process.disconnect?.())
}

async function contend(job: Job): Promise<Finding> {
  const clock = new Stopwatch(job)
  await ways[job.contestant](job, clock)
  return clock.finding()
}

async function streamAll(job: Job, clock: Stopwatch): Promise<void> {
  await using bus = new EventBus({ broker: kafka({ brokers: [job.broker] }) })
  for await (const _ of bus.stream(TOPIC, { group: job.group, commit: 'auto' }))
    if (clock.count(1)) break
}

async function consumeAll(job: Job, clock: Stopwatch): Promise<void> {
  await using bus = new EventBus({ broker: kafka({ brokers: [job.broker] }) })
  const all = Promise.withResolvers<void>()
  bus.consume(TOPIC, { group: job.group }, () => {
    if (clock.count(1)) all.resolve()
  })
  await all.promise
}

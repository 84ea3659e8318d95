// One contestant: started as a process, gets its job as an argument, reports once.
import { kafka } from '../../src/brokers/kafka/index.ts'
import { EventBus } from '../../src/index.ts'
import { fetchAll } from './bare.ts'
import { type Contestant, type Finding, type Job, KEYS, TOPIC } from './job.ts'
import { readWithKafkaJs } from './kafkajs.ts'
import { Stopwatch } from './stopwatch.ts'

type Way = (job: Job, clock: Stopwatch) => Promise<void>

const ways: Record<Contestant, Way> = {
  fetch: fetchAll,
  stream: streamAll,
  consume: consumeAll,
  'consume, keys read': consumeByKey,
  'consume, one poison key': consumeByKey,
  'kafkajs eachBatch': readWithKafkaJs,
  'kafkajs eachMessage': readWithKafkaJs,
}

if (process.send !== undefined) {
  const job = JSON.parse(process.argv[2] ?? '{}') as Job
  const finding = await contend(job)
  process.send(finding, () => process.disconnect?.())
}

async function contend(job: Job): Promise<Finding> {
  const { warmUp, events } = job
  const poison = job.contestant.endsWith('poison key') ? Math.ceil((warmUp + events) / KEYS) : 0
  const clock = new Stopwatch({ warmUp, events: events - poison })
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

/** Events of one key may fail, and are tried again and again: what counts is the other keys' speed. */
async function consumeByKey(job: Job, clock: Stopwatch): Promise<void> {
  const poison = job.contestant === 'consume, one poison key' ? 'key-1' : ''
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  await using bus = new EventBus({ broker: kafka({ brokers: [job.broker] }), logger })
  const all = Promise.withResolvers<void>()
  // Nothing of its partition is fetched any more where the poison is a window behind.
  const window = job.warmUp + job.events
  bus.consume(TOPIC, { group: job.group, window }, ({ key }) => {
    if (key === poison) throw new Error('poison')
    if (clock.count(1)) all.resolve()
  })
  await all.promise
}

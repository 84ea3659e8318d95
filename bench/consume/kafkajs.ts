import { type EachBatchHandler, type EachMessageHandler, Kafka, logLevel } from 'kafkajs'
import { type Job, TOPIC } from './job.ts'
import type { Stopwatch } from './stopwatch.ts'

interface Handlers {
  readonly eachBatch?: EachBatchHandler
  readonly eachMessage?: EachMessageHandler
}

/** kafkajs as its users run it: with its own limits, and commits by its own rules. */
export async function readWithKafkaJs(job: Job, clock: Stopwatch): Promise<void> {
  const client = new Kafka({ brokers: [job.broker], logLevel: logLevel.NOTHING })
  const consumer = client.consumer({ groupId: job.group })
  await consumer.connect()
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true })
  const all = Promise.withResolvers<void>()
  const count = async (events: number): Promise<void> => {
    if (clock.count(events)) all.resolve()
  }
  const handlers: Handlers =
    job.contestant === 'kafkajs eachBatch'
      ? { eachBatch: ({ batch }) => count(batch.messages.length) }
      : { eachMessage: () => count(1) }
  await consumer.run({ autoCommit: true, ...handlers })
  await all.promise
  await consumer.disconnect()
}

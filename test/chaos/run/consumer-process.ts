// A member of a consumer group in a process of its own, to be killed and frozen.
import { setTimeout as wait } from 'node:timers/promises'
import { kafka } from '../../../src/brokers/kafka/index.ts'
import { EventBus } from '../../../src/index.ts'
import type { ReceivedEvent } from '../../../src/index.ts'
import { hashOf } from '../proof/history.ts'
import { notesMarks } from '../proof/marks-broker.ts'
import { seeded } from '../random.ts'
import { live, logger } from './client-life.ts'
import { CLOSING, type ConsumerJob, SESSION_MS, topicNames } from './jobs.ts'

await live<ConsumerJob>(async ({ client, scene, group, how, seed }, notebook) => {
  const random = seeded(seed)
  const closed: string[] = []
  let handled = 0
  const handle = async (event: ReceivedEvent): Promise<void> => {
    // Some handlers take their time, so that others overtake them.
    if (random() < 0.05) await wait(random() * 20)
    const { topic, partition, key, payload, uuid = '' } = event
    const place = { topic, partition, offset: Number(event.offset) }
    notebook.note({ what: 'handled', group, ...place, key, uuid, hash: hashOf(payload) })
    handled += 1
    if (event.msgType === CLOSING) closed.push(uuid)
  }
  const broker = kafka({ brokers: scene.brokers, clientId: client })
  const bus = new EventBus({ broker: notesMarks(broker, group, notebook), logger: logger(client) })
  const options = { group, commitInterval: 200, sessionTimeout: SESSION_MS, drainTimeout: 3_000 }
  const report = (): { handled: number; closed: string[] } => ({ handled, closed })
  const topics = topicNames(scene.topics)
  if (how === 'consume') {
    const consumer = bus.consume(topics, { ...options, concurrency: 8 }, handle)
    // It only ends where no waiting helps: then this process does, too.
    consumer.closed.catch((error: unknown) => {
      throw error
    })
    return { report, stop: () => bus.close() }
  }
  const leaving = new AbortController()
  const reading = (async () => {
    for await (const event of bus.stream(topics, { ...options, signal: leaving.signal }))
      await handle(event)
  })()
  reading.catch((error: unknown) => {
    throw error
  })
  return {
    report,
    async stop() {
      leaving.abort()
      await reading
      await bus.close()
    },
  }
})

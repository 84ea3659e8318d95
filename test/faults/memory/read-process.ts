// Reads from a backlog with a slow handler, in a process of its own, and reports its largest memory.
import { setTimeout as sleep } from 'node:timers/promises'
import { kafka } from '../../../src/brokers/kafka/index.ts'
import { EventBus } from '../../../src/index.ts'

export interface ReadJob {
  readonly broker: string
  readonly topic: string
  readonly way: 'stream' | 'consume'
  /** So many are read, of a backlog that is as large or larger. */
  readonly events: number
  readonly handlerMs: number
}

export interface ReadReport {
  /** What was held at most: the heap, and the bytes beside it. */
  readonly maxHeldMiB: number
  readonly maxRssMiB: number
}

const MiB = 1024 * 1024

if (process.send !== undefined) {
  const job = JSON.parse(process.argv[2] ?? '{}') as ReadJob
  let held = 0
  // Collected first, so that the figure is what is held, not how lazy the collector is.
  const measuring = setInterval(() => {
    globalThis.gc?.()
    const { heapUsed, external } = process.memoryUsage()
    held = Math.max(held, heapUsed + external)
  }, 250)
  await using bus = new EventBus({ broker: kafka({ brokers: [job.broker] }) })
  await (job.way === 'stream' ? stream(bus, job) : consume(bus, job))
  clearInterval(measuring)
  const report: ReadReport = {
    maxHeldMiB: held / MiB,
    maxRssMiB: process.resourceUsage().maxRSS / 1024,
  }
  process.send(report, undefined, undefined, () => process.disconnect?.())
}

async function stream(bus: EventBus, { topic, events, handlerMs }: ReadJob): Promise<void> {
  let seen = 0
  for await (const _ of bus.stream(topic, { group: topic, backpressure: 'pause' })) {
    await sleep(handlerMs)
    seen += 1
    if (seen === events) break
  }
}

async function consume(bus: EventBus, { topic, events, handlerMs }: ReadJob): Promise<void> {
  const all = Promise.withResolvers<void>()
  let seen = 0
  const consumer = bus.consume(topic, { group: `${topic}-handler` }, async () => {
    await sleep(handlerMs)
    seen += 1
    if (seen === events) all.resolve()
  })
  await Promise.race([all.promise, consumer.closed])
}

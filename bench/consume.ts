// How fast a backlog is read, over the bare client's fetch loop in the same run: by `stream`, by
// `consume` with an empty handler, and by kafkajs. Each contestant is a process of its own, they
// take turns, and a ratio is the median of the rounds.
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { kafka } from '../src/brokers/kafka/index.ts'
import { cloudEvents } from '../src/codecs/cloudevents/index.ts'
import { createTopic, startKafka } from '../test/servers/index.ts'
import {
  type Contestant,
  CONTESTANTS,
  type Finding,
  type Job,
  KEYS,
  PARTITIONS,
  TOPIC,
} from './consume/job.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    'warm-up': { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
  },
})
const events = Number(values.events)
const warmUp = Number(values['warm-up'])
const rounds = Number(values.rounds)

await using server = await startKafka({ heap: '1g', jvm: [] })
await createTopic(server, TOPIC, { partitions: PARTITIONS })
console.log(`${events} events of 1 KiB behind ${warmUp} others, ${rounds} rounds`)
await fill()

const ratios = new Map<Contestant, number[]>()
await run('fetch')
for (let round = 1; round <= rounds; round++) {
  let bare = Number.NaN
  for (const contestant of CONTESTANTS) {
    const { perSecond } = await measure(contestant, round)
    if (contestant === 'fetch') bare = perSecond
    ratios.set(contestant, [...(ratios.get(contestant) ?? []), perSecond / bare])
  }
}
for (const contestant of ['kafkajs eachBatch', 'kafkajs eachMessage'] as const)
  console.log(`${contestant} ${median(contestant)}`)
const { 'consume, keys read': healthy = [], 'consume, one poison key': poisoned = [] } =
  Object.fromEntries(ratios)
const kept = middle(poisoned.map((ratio, round) => ratio / (healthy[round] ?? Number.NaN)))
console.log(`one poison key among ${KEYS}: the others keep ${kept} of their speed`)
console.log(`stream ${median('stream')} · consume ${median('consume')}`)

/** Over the bare client's loop in the same round. */
function median(contestant: Contestant): string {
  return middle(ratios.get(contestant) ?? [])
}

function middle(all: readonly number[]): string {
  const sorted = all.toSorted((a, b) => a - b)
  return (sorted[Math.floor(sorted.length / 2)] ?? Number.NaN).toFixed(2)
}

/** As a relay writes them: in batches, 1 KiB each with the headers of an event, over many keys. */
async function fill(): Promise<void> {
  const broker = kafka({ brokers: [server.address] })
  const codec = cloudEvents()
  const { signal } = new AbortController()
  const producer = await broker.openProducer({ clientId: 'fill', signal, onAway: () => {} })
  const payload = Buffer.alloc(1024, 'x')
  const all = warmUp + events
  for (let from = 0; from < all; from += 5_000) {
    const numbers = Array.from({ length: Math.min(5_000, all - from) }, (_, n) => from + n)
    await Promise.all(
      numbers.map(async (number) => {
        const event = codec.encode({
          topic: TOPIC,
          uuid: randomUUID(),
          timestamp: new Date(),
          key: `key-${number % KEYS}`,
          msgType: 'Consumed',
          mimeType: 'application/octet-stream',
          headers: [],
          payload,
        })
        await producer.send({ topic: TOPIC, ...event })
      }),
    )
  }
  await producer.close()
  await broker.close()
}

async function measure(contestant: Contestant, round: number): Promise<Finding> {
  const finding = await run(contestant)
  const { perSecond, cpuMicros } = finding
  console.log(
    `round ${round}  ${contestant.padEnd(25)}${Math.round(perSecond).toString().padStart(7)} events/s` +
      `${cpuMicros.toFixed(1).padStart(7)} us CPU an event`,
  )
  return finding
}

async function run(contestant: Contestant): Promise<Finding> {
  const job: Job = {
    contestant,
    warmUp,
    events,
    broker: server.address,
    group: randomUUID(),
  }
  const child = fork(join(import.meta.dirname, 'consume/contestants.ts'), [JSON.stringify(job)])
  const exit = once(child, 'exit')
  const [finding] = (await Promise.race([
    once(child, 'message'),
    exit.then(([code]) => Promise.reject(new Error(`${contestant} ended with ${code}`))),
  ])) as [Finding]
  await exit
  return finding
}

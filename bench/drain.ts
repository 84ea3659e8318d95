// How fast the relay drains a backlog, over what the same machine can do at most in the same run:
// read the table by primary key in pages of 1,000 and send with one idempotent producer, prefetching.
// Each contestant is a process of its own; rounds alternate, and the ratio is the median of rounds.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createDatabase, createTopic, startKafka, startPostgres } from '../test/servers/index.ts'
import { TOPIC, fillEvents, refillDelivery } from './drain/backlog.ts'
import type { Contestant, Finding, Job } from './drain/job.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
  },
})
const events = Number(values.events)
const rounds = Number(values.rounds)

await using postgres = await startPostgres({ settings: { shared_buffers: '512MB' } })
await using kafka = await startKafka({ heap: '1g', jvm: [] })
await using database = await createDatabase(postgres, 'drain')
console.log(`${events} events of 1 KiB, ${rounds} rounds`)
await createTopic(kafka, TOPIC, { partitions: 4 })
await fillEvents(database.url, events)

const ratios = { 'at-least-once': [] as number[], 'exactly-once': [] as number[] }
let faults = 0
await run('raw')
for (let round = 1; round <= rounds; round++) {
  const raw = await measure('raw', round)
  for (const guarantee of ['at-least-once', 'exactly-once'] as const) {
    await refillDelivery(database.url)
    const relay = await measure(guarantee, round)
    ratios[guarantee].push(relay.perSecond / raw.perSecond)
  }
}
const line = Object.entries(ratios).map(([name, of]) => `${name} ${median(of).toFixed(2)}`)
console.log(line.join(' · '))
process.exitCode = faults === 0 ? 0 : 1

async function measure(contestant: Contestant, round: number): Promise<Finding> {
  const finding = await run(contestant)
  const { perSecond, cpuMicros, lost, duplicated, outOfOrder } = finding
  faults += lost + duplicated + outOfOrder
  console.log(
    `round ${round}  ${contestant.padEnd(14)}${Math.round(perSecond).toString().padStart(7)} events/s` +
      `${cpuMicros.toFixed(1).padStart(7)} us CPU an event · lost ${lost} · duplicated ${duplicated} · out of order ${outOfOrder}`,
  )
  return finding
}

async function run(contestant: Contestant): Promise<Finding> {
  const job: Job = { contestant, events, databaseUrl: database.url, broker: kafka.address }
  const child = fork(join(import.meta.dirname, 'drain/contestants.ts'), [JSON.stringify(job)])
  const exit = once(child, 'exit')
  const [finding] = (await Promise.race([
    once(child, 'message'),
    exit.then(([code]) => Promise.reject(new Error(`${contestant} ended with ${code}`))),
  ])) as [Finding]
  await exit
  return finding
}

function median(values_: readonly number[]): number {
  return values_.toSorted((a, b) => a - b)[Math.floor(values_.length / 2)] ?? Number.NaN
}

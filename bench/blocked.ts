// What a key with a long past behind a refused event costs the others: their rate beside it over
// their rate without it, in the same run, and the memory of the relay. Then the cause is mended and
// the key released: all of it must come in order.
import { parseArgs } from 'node:util'
import { startKafka, startPostgres } from '../test/servers/index.ts'
import { Outbox } from './blocked/outbox.ts'

const { values } = parseArgs({
  options: {
    behind: { type: 'string', default: '1000000' },
    events: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
  },
})
const behind = Number(values.behind)
const events = Number(values.events)
const rounds = Number(values.rounds)

await using postgres = await startPostgres({ settings: { shared_buffers: '512MB' } })
await using kafka = await startKafka({ heap: '1g', jvm: [] })
const free = await Outbox.open({ postgres, kafka }, 'free')
const blocked = await Outbox.open({ postgres, kafka }, 'blocked')
console.log(
  `${behind} events of one key behind a refused one, ${events} of 500 others, ${rounds} rounds`,
)
await free.publishOthers(events)
await blocked.publishOthers(events)

const since = performance.now()
await blocked.poison(behind)
const parkedIn = (performance.now() - since) / 1000
console.log(`parked in ${parkedIn.toFixed(1)} s, ${Math.round(behind / parkedIn)} events/s`)

const ratios: number[] = []
for (let round = 1; round <= rounds; round++) {
  const without = await free.publishOthers(events)
  const beside = await blocked.publishOthers(events)
  ratios.push(beside / without)
  console.log(
    `round ${round}  without ${Math.round(without)} events/s · beside it ${Math.round(beside)} events/s`,
  )
}
const drained = await blocked.release(behind)
const memory = blocked.maxRssMiB / free.maxRssMiB
const median = ratios.toSorted((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? Number.NaN
await free.end()
await blocked.end()
console.log(`drained ${Math.round(drained.perSecond)} events/s, out of order ${drained.outOfOrder}`)
console.log(
  `others ${median.toFixed(2)} · memory ${memory.toFixed(2)} · out of order ${drained.outOfOrder}`,
)
process.exitCode = drained.outOfOrder === 0 ? 0 : 1

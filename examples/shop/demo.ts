// An order shop: producers, relays and a consumer, each a process of its own. A third of the
// transactions roll back, and the working relay is killed in the middle.
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { Ledger } from './ledger.ts'
import { embeddedPlace, realPlace } from './places.ts'
import { Processes } from './processes.ts'
import { Progress } from './progress.ts'
import { openShop } from './shop.ts'
import type { Shop } from './shop.ts'

const PRODUCERS = 2
const TRANSACTIONS = 750
const COMMITTED = (PRODUCERS * TRANSACTIONS * 2) / 3
const GIVE_UP_MS = 60_000
/** How long to look for what should not come any more. */
const LISTEN_ON_MS = 500

const { values: flags } = parseArgs({ options: { kafka: { type: 'boolean', default: false } } })
const startedAt = performance.now()
await using stack = new AsyncDisposableStack()
const place = flags.kafka ? await realPlace(stack) : embeddedPlace(stack)
const ledger = new Ledger()
const shop = stack.use(await openShop(place))
await shop.bus.migrate()
await shop.createTables()
const progress = stack.use(new Progress(ledger, startedAt))
const processes = stack.use(new Processes(place, (report) => ledger.add(report)))

await Promise.all([
  processes.start('consumer.ts'),
  processes.start('relay.ts'),
  processes.start('relay.ts'),
])
progress.note('a consumer and two relays are running; two producers begin')
const producers = Array.from({ length: PRODUCERS }, (_, n) =>
  processes.spawn('producer.ts', [`shop${n}`, String(TRANSACTIONS)]),
)
const sold = Promise.all(producers.map((producer) => once(producer, 'exit')))
await ledger.until(() => ledger.handled.length >= COMMITTED * 0.4, GIVE_UP_MS)
progress.note(`SIGKILL to the working relay (process ${await processes.killTheWorkingRelay()})`)
await sold
await ledger.until(() => ledger.handled.length >= COMMITTED, GIVE_UP_MS)
await ledger.until(() => ledger.handled.length > COMMITTED, LISTEN_ON_MS)
await processes.end()

const result = ledger.judge(await shop.orders(), await countPublished(shop))
progress[Symbol.dispose]()
console.log(`\n${result.table}\n\n${result.line}`)
process.exitCode = result.holds ? 0 : 1

/** Counts the events in the topic, by reading it from its beginning until nothing more comes. */
async function countPublished({ bus }: Shop): Promise<number> {
  const stop = new AbortController()
  let silence = setTimeout(() => stop.abort(), 5000)
  let count = 0
  for await (const _ of bus.stream('orders', { from: 'earliest', signal: stop.signal })) {
    count += 1
    clearTimeout(silence)
    silence = setTimeout(() => stop.abort(), LISTEN_ON_MS)
  }
  return count
}

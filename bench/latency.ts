// How long a committed event takes to its handler, with store, relay and reader in one process: from
// the moment the transaction has committed to the first line of the loop's body. One event after the
// other, each sent when the one before it was handled, after a warm-up.
import { mkdtemp, rm } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Pool } from 'pg'
import { kafka } from '../src/brokers/kafka/index.ts'
import { local } from '../src/brokers/local/index.ts'
import { EventBus } from '../src/index.ts'
import { postgres } from '../src/stores/postgres/index.ts'
import { sqlite } from '../src/stores/sqlite/index.ts'
import { createDatabase, createTopic, startKafka, startPostgres } from '../test/servers/index.ts'

const TOPIC = 'latency'

type InTransaction<Tx> = (work: (tx: Tx) => Promise<void>) => Promise<void>

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '200' },
    warmUp: { type: 'string', default: '50' },
  },
})
const events = Number(values.events)
const warmUp = Number(values.warmUp)

const lines = [
  report('postgres+kafka', await ofPostgresAndKafka()),
  report('sqlite+local', await ofSqliteAndLocal()),
]
console.log(lines.join(' · '))

async function ofPostgresAndKafka(): Promise<readonly number[]> {
  await using server = await startPostgres()
  await using cluster = await startKafka()
  await using database = await createDatabase(server, 'latency')
  await createTopic(cluster, TOPIC, { partitions: 4 })
  const pool = new Pool({ connectionString: database.url })
  try {
    await using bus = new EventBus({
      store: postgres({ pool }),
      broker: kafka({ brokers: [cluster.address] }),
    })
    return await measure(bus, async (work) => {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        await work(client)
        await client.query('COMMIT')
      } finally {
        client.release()
      }
    })
  } finally {
    await pool.end()
  }
}

async function ofSqliteAndLocal(): Promise<readonly number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'oncommit-latency-'))
  const file = join(folder, 'events.db')
  try {
    await using bus = new EventBus({
      store: sqlite({ file }),
      broker: local({ file: join(folder, 'log.db') }),
    })
    using db = new DatabaseSync(file)
    return await measure(bus, async (work) => {
      db.exec('BEGIN IMMEDIATE')
      await work(db)
      db.exec('COMMIT')
    })
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Milliseconds from each commit to the handler. */
async function measure<Tx>(
  bus: EventBus<Tx>,
  inTransaction: InTransaction<Tx>,
): Promise<readonly number[]> {
  await bus.migrate()
  await bus.startRelay()
  let arrived = Promise.withResolvers<number>()
  const stream = bus.stream(TOPIC, { group: 'latency' })
  const reading = (async (): Promise<void> => {
    for await (const _ of stream) arrived.resolve(performance.now())
  })()
  const latencies: number[] = []
  for (let number = 0; number < warmUp + events; number++) {
    arrived = Promise.withResolvers<number>()
    await inTransaction((tx) => bus.send(tx, { topic: TOPIC, key: `key-${number}`, payload: 'x' }))
    const committedAt = performance.now()
    const latency = (await Promise.race([arrived.promise, failed(reading)])) - committedAt
    if (number >= warmUp) latencies.push(latency)
  }
  await stream.close()
  await reading
  return latencies
}

/** Rejects when the reading ends: it is not to. */
async function failed(reading: Promise<void>): Promise<never> {
  await reading
  throw new Error('the stream ended')
}

function report(name: string, latencies: readonly number[]): string {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (part: number): string => {
    return (sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN).toFixed(1)
  }
  return `${name} p50 ${at(0.5)} ms p99 ${at(0.99)} ms`
}

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Pool } from 'pg'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { StreamOptions } from '../../src/consumer/stream/options.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { createDatabase, sharedPostgres, type TestDatabase } from '../servers/index.ts'
import { freshTopic, type Place, places } from './stream/places.ts'
import { eventually, Loop, MemoryLogger } from './stream/reading.ts'

/** Of each producer: in transactions of two, each key in turn. */
const EVENTS = 18
const KEYS = 3

/** The texts of each key, as its producer sends them. */
function sentBy(producers: number): Map<string, string[]> {
  const sent = new Map<string, string[]>()
  for (let producer = 0; producer < producers; producer++)
    for (let n = 0; n < EVENTS; n++) {
      const key = `p${producer}-k${n % KEYS}`
      sent.set(key, [...(sent.get(key) ?? []), `${key}/${n}`])
    }
  return sent
}

async function produce(pool: Pool, topic: string, producer: number): Promise<void> {
  const bus = new EventBus({ store: postgres({ pool }) })
  for (let n = 0; n < EVENTS; n += 2) {
    const client = await pool.connect()
    await client.query('BEGIN')
    await bus.send(
      client,
      [n, n + 1].map((one) => {
        const key = `p${producer}-k${one % KEYS}`
        return { topic, key, payload: `${key}/${one}` }
      }),
    )
    await client.query('COMMIT')
    client.release()
  }
}

/** Each event once, and those of each key in the order in which they were sent. */
function assertOnceInOrder(got: readonly string[], producers: number): void {
  const byKey = Map.groupBy(got, (text) => text.split('/')[0] ?? '')
  assert.deepEqual(
    [...byKey].toSorted(([a], [b]) => a.localeCompare(b)),
    [...sentBy(producers)].toSorted(([a], [b]) => a.localeCompare(b)),
  )
}

for (const [name, openPlace] of Object.entries(places)) {
  describe(`the cases of the original, on ${name}`, () => {
    let place: Place
    let database: TestDatabase
    let pool: Pool
    let relaying: EventBus
    const logger = new MemoryLogger()
    before(async () => {
      place = await openPlace()
      database = await createDatabase(await sharedPostgres(), `cases_${randomUUID().slice(0, 8)}`)
      pool = new Pool({ connectionString: database.url, max: 5 })
      // A pool has ended before its clients have: the database ends these.
      pool.on('error', () => {})
      relaying = new EventBus({ store: postgres({ pool }), broker: place.broker, logger })
      await relaying.migrate()
      await relaying.startRelay()
    })
    after(async () => {
      await relaying.close()
      await pool.end()
      await place[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    })

    const run = async (
      producers: number,
      groups: readonly string[],
      options: StreamOptions,
    ): Promise<{ readonly loops: readonly Loop[]; readonly all: readonly string[] }> => {
      const topic = freshTopic()
      await place.createTopic(topic, 5)
      const all: string[] = []
      const loops = groups.map((group) => {
        const bus = new EventBus({ broker: place.broker, logger })
        const stream = bus.stream(topic, { group: `${topic}-${group}`, ...options })
        return new Loop(stream, (event) => void all.push(event.text()))
      })
      // They come while the consumers join.
      await Promise.all(
        Array.from({ length: producers }, async (_, producer) => produce(pool, topic, producer)),
      )
      const expected = producers * EVENTS * new Set(groups).size
      await eventually('all are handled', () => all.length >= expected)
      for (const loop of loops) await loop.end()
      return { loops, all }
    }

    for (const commit of ['auto', 'batch', 'message'] as const)
      for (const producers of [1, 5]) {
        const what = `${producers} ${producers === 1 ? 'producer' : 'producers'}, commit '${commit}'`
        for (const consumers of [1, 5])
          test(`${consumers} ${consumers === 1 ? 'consumer' : 'consumers'} of a group each, ${what}: each gets every event once, in order per key`, async () => {
            const groups = Array.from({ length: consumers }, (_, n) => String(n))
            const { loops } = await run(producers, groups, { commit })
            for (const loop of loops) assertOnceInOrder(loop.got, producers)
          })

        test(`5 consumers of one group, ${what}: together they get every event once, in order per key`, async () => {
          const { all, loops } = await run(producers, Array(5).fill('one'), { commit })
          assert.equal(loops.length, 5)
          assertOnceInOrder(all, producers)
        })
      }
  })
}

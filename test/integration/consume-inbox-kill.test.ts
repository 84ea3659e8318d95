import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, test, type TestContext } from 'node:test'
import { EventBus } from '../../src/bus/event-bus.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import { createDatabase, sharedPostgres } from '../servers/index.ts'
import { numbered } from './members/load.ts'
import type { Member, Members } from './members/members.ts'
import { type SharedPlace, sharedPlaces } from './members/places.ts'
import { rounds } from './members/rounds.ts'
import { type OpenRows, openRows } from './members/rows.ts'
import type { Rows } from './members/task.ts'
import { eventually, MemoryLogger } from './stream/reading.ts'
import { Sender, type SentEvent } from './stream/sender.ts'

const PARTITIONS = 4
const BATCH = 100

/** Where the rows of a test are, made for it. */
const databases: Readonly<
  Record<string, (place: SharedPlace, stack: AsyncDisposableStack) => Promise<Rows>>
> = {
  PostgreSQL: async (_, stack) => {
    const name = `inbox_kill_${randomInt(1e9)}`
    const { connection } = stack.use(await createDatabase(await sharedPostgres(), name))
    return { connection }
  },
  SQLite: async ({ folder }) => Promise.resolve({ file: join(folder, 'rows.db') }),
}

describe('the rows of handlers with an inbox are there exactly once', { concurrency: true }, () => {
  for (const [database, makeRows] of Object.entries(databases))
    for (const [broker, openPlace] of Object.entries(sharedPlaces)) {
      const isUsual = (database === 'PostgreSQL') === (broker === 'Kafka')
      if (!isUsual && rounds(1) === 1) continue
      test(`though members are killed and frozen between the database's commit and that of the offset, and batches are published again: ${database}, ${broker}`, async (context) => {
        await using stack = new AsyncDisposableStack()
        const place = stack.use(await openPlace())
        await new Campaign(place, await makeRows(place, stack), stack).run(context)
      })
    }
})

class Campaign {
  readonly #place: SharedPlace
  readonly #rows: Rows
  readonly #stack: AsyncDisposableStack
  #sent = 0

  constructor(place: SharedPlace, rows: Rows, stack: AsyncDisposableStack) {
    this.#place = place
    this.#rows = rows
    this.#stack = stack
  }

  async run(context: TestContext): Promise<void> {
    const rows = openRows(this.#rows)
    this.#stack.defer(async () => {
      await rows.store.close()
      await rows.close()
    })
    await rows.prepare()
    const topic = await this.#place.newTopic(PARTITIONS)
    const { sessionTimeout } = this.#place
    // A kill is always before the offset's commit.
    const options = { group: topic, sessionTimeout, commitInterval: 60_000 }
    const task = { topic, consume: options, handleMs: 1, rows: this.#rows }
    const members = this.#stack.use(this.#place.members(task))
    const sender = this.#stack.use(await Sender.open(this.#place.broker))
    await this.#publish(sender, topic)
    await this.#trouble(members, () => this.#publish(sender, topic))
    const duplicates = await this.#finish(rows, topic)
    context.diagnostic(`${this.#sent} events, ${duplicates} came again to the last member`)
    const count = this.#sent
    assert.deepEqual(await rows.read(), { count, sum: (count * (count - 1)) / 2 })
    assert.ok(duplicates > 0, 'some were handled, and not committed')
  }

  /** Two are at work at any time. One is killed, or frozen for longer than its session. */
  async #trouble(members: Members, publish: () => Promise<void>): Promise<void> {
    const working: Member[] = [members.start(), members.start()]
    const handledMore = async (): Promise<void> => {
      const enough = members.handled + randomInt(10, BATCH)
      await publish()
      await eventually('they handle more', () => members.handled >= enough, 60_000)
    }
    for (let round = 0; round < rounds(2); round++) {
      await handledMore()
      if (round % 2 === 0) {
        await working.splice(randomInt(2), 1)[0]?.kill()
        working.push(members.start())
      } else {
        // It may hold locks that the other waits for: only time tells when its session is over.
        await working[0]?.freeze()
        await sleep(this.#place.sessionTimeout * 1.5)
        working[0]?.thaw()
      }
    }
    await handledMore()
    for (const member of working) await member.kill()
  }

  /** New events, then these again as a relay's repetition, and for other members to have at once. */
  async #publish(sender: Sender, topic: string): Promise<void> {
    const batch = (suffix = ''): SentEvent[] =>
      numbered(BATCH, this.#sent).map(({ key, headers, payload }, at) => {
        return { key: key + suffix, headers, payload, uuid: uuids[at] ?? '' }
      })
    const uuids = Array.from({ length: BATCH }, () => uuidv7())
    for (const events of [batch(), batch(), batch(' elsewhere')])
      await sender.sendEvents(topic, events)
    this.#sent += BATCH
  }

  /** Handles what is left, here. Gives how many it was given that were handled before. */
  async #finish(rows: OpenRows, topic: string): Promise<number> {
    const { broker, sessionTimeout } = this.#place
    const bus = new EventBus({ broker, store: rows.store, logger: new MemoryLogger() })
    const options = { group: topic, sessionTimeout, inbox: true } as const
    const consumer = bus.consume(topic, options, async (event, { tx }) => {
      await rows.add(tx, Number(event.header('number')))
    })
    await eventually(
      'all is handled',
      () => {
        const lags = consumer.lag()
        return lags.length === PARTITIONS && lags.every(({ lag }) => lag === 0n)
      },
      60_000,
    )
    const { duplicates } = await consumer.stop()
    return duplicates
  }
}

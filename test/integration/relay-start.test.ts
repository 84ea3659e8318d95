import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { local } from '../../src/brokers/local/index.ts'
import type { LocalBroker } from '../../src/brokers/local/index.ts'
import { cloudEvents } from '../../src/codecs/cloudevents/index.ts'
import { systemClock } from '../../src/core/clock.ts'
import { Relay as RelayOf } from '../../src/relay/relay.ts'
import { BrokerError, EventBus, SchemaVersionError } from '../../src/index.ts'
import type { Relay, RelayOptions } from '../../src/index.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import type { SqliteTransaction } from '../../src/stores/sqlite/index.ts'
import { appUser, createDatabase, sharedPostgres, startKafka } from '../servers/index.ts'
import { MemoryLogger, eventually } from '../relay/outbox-fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'oncommit-start-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** An outbox on SQLite with a local broker. */
class Shop implements AsyncDisposable {
  readonly broker: LocalBroker = local()
  readonly file = join(folder, `${randomUUID()}.db`)
  readonly logger = new MemoryLogger()
  readonly bus = new EventBus<SqliteTransaction>({
    store: sqlite({ file: this.file }),
    broker: this.broker,
    logger: this.logger,
  })
  readonly db = new DatabaseSync(this.file)

  async send(...texts: string[]): Promise<void> {
    this.db.exec('BEGIN IMMEDIATE')
    await this.bus.send(
      this.db,
      texts.map((payload) => ({ topic: 't', key: 'k', payload })),
    )
    this.db.exec('COMMIT')
  }

  async start(options?: RelayOptions): Promise<Relay> {
    await this.bus.migrate()
    return this.bus.startRelay(options)
  }

  /** The texts in the topic. */
  async published(count: number): Promise<string[]> {
    const got: string[] = []
    for await (const event of this.bus.stream('t', { from: 'earliest' })) {
      got.push(event.text())
      if (got.length === count) break
    }
    return got
  }

  count(table: string): number {
    return Number(this.db.prepare(`SELECT count(*) AS n FROM oncommit_${table}`).get()?.['n'])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bus.close()
    this.db.close()
  }
}

test('a relay without its tables says which command makes them', async () => {
  await using database = await createDatabase(
    await sharedPostgres(),
    `start_${randomUUID().slice(0, 8)}`,
  )
  await using bus = new EventBus({ store: postgres({ url: database.url }), broker: local() })
  await assert.rejects(
    bus.startRelay(),
    (error: unknown) =>
      error instanceof SchemaVersionError && /npx oncommit migrate/.test(error.message),
  )
})

test('a relay that may not use transactions says which right is missing, and the alternative', async () => {
  await using server = await startKafka({ authorizer: true })
  await using database = await createDatabase(
    await sharedPostgres(),
    `start_${randomUUID().slice(0, 8)}`,
  )
  const broker = kafka({ brokers: [server.address], sasl: { mechanism: 'PLAIN', ...appUser } })
  await using bus = new EventBus({ store: postgres({ url: database.url }), broker })
  await bus.migrate()
  await assert.rejects(
    bus.startRelay(),
    (error: unknown) =>
      error instanceof BrokerError &&
      error.kind === 'misconfigured' &&
      /TransactionalId 'oncommit\.'.*at-least-once/.test(error.message),
  )
})

test('a relay waits for a broker that is away, says so, and goes on by itself', async () => {
  await using shop = new Shop()
  shop.broker.away()
  const relay = await shop.start()
  assert.equal(relay.status.state, 'waiting')
  assert.equal(relay.status.failing.length, 1)
  assert.ok(
    shop.logger.lines.some((line) => line.startsWith('error') && line.includes('events wait')),
  )
  await shop.send('one')
  shop.broker.away(false)
  assert.deepEqual(await shop.published(1), ['one'])
  await eventually('it works', () => (relay.status.state === 'running' ? true : undefined))
  assert.deepEqual(relay.status.failing, [])
})

test('an unknown outcome ends one life of the relay, and nothing is lost, repeated or out of order', async () => {
  await using shop = new Shop()
  const relay = await shop.start()
  await shop.send('one')
  await shop.published(1)
  const { relayId } = relay.status
  shop.broker.ackLost()
  await shop.send('two', 'three')
  await eventually('it lives again', () => {
    const { relayId: now, state } = relay.status
    return now !== null && now !== relayId && state === 'running' ? true : undefined
  })
  await shop.send('four')
  assert.deepEqual(await shop.published(4), ['one', 'two', 'three', 'four'])
  await eventually('all is settled', () => (shop.count('delivery') === 0 ? true : undefined))
})

test('stop may be called twice, while it waits for the broker, and with nothing to do', async () => {
  await using shop = new Shop()
  shop.broker.away()
  const waiting = await shop.start()
  await Promise.all([waiting.stop(), waiting.stop()])
  assert.equal(waiting.status.state, 'stopped')
  shop.broker.away(false)
  const idle = await shop.start()
  await idle.stop()
  await idle.stop()
  assert.equal(shop.count('relays'), 0)
})

test('a stop ends after its timeout although the broker never answers, and the events wait', async () => {
  await using shop = new Shop()
  const relay = await shop.start({ stopTimeoutMs: 200 })
  await shop.send('one')
  await shop.published(1)
  shop.broker.away()
  await shop.send('two')
  await relay.stop()
  assert.equal(relay.status.state, 'stopped')
  assert.equal(shop.count('delivery'), 1)
  shop.broker.away(false)
  await shop.start()
  assert.deepEqual(await shop.published(2), ['one', 'two'])
})

test('what was published longer ago than the retention is forgotten, and what waits is not', async () => {
  await using shop = new Shop()
  // Keeps everything, and leaves the cleaner's place to the second.
  const first = await shop.start({ retentionSeconds: Number.POSITIVE_INFINITY })
  await shop.send('old', 'older')
  await eventually('both are settled', () => (first.status.published === 2 ? true : undefined))
  await first.stop()
  shop.broker.unavailable('t')
  await shop.send('waits')
  await new Promise((resolve) => setTimeout(resolve, 60))
  await shop.start({ retentionSeconds: 0.05 })
  await eventually('the old ones are gone', () => (shop.count('events') === 1 ? true : undefined))
  assert.equal(shop.count('delivery') + shop.count('held'), 1)
})

test('a database that takes connections and answers nothing ends the start in time', async () => {
  const sockets: Socket[] = []
  const silent = createServer((socket) => sockets.push(socket))
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const store = postgres({ url: `postgres://user@127.0.0.1:${port}/shop` })
  const clock = { ...systemClock, sleep: async (ms: number) => systemClock.sleep(ms / 300) }
  const relay = new RelayOf(
    { store, broker: local(), codecFor: () => cloudEvents(), logger: new MemoryLogger(), clock },
    {},
  )
  await assert.rejects(relay.start(), /the database did not answer within 30 s/)
  await relay.stop()
  for (const socket of sockets) socket.destroy()
  await store.close()
  silent.close()
})

test('a relay whose lanes a killed one keeps for a while says so', async () => {
  const name = `start_${randomUUID().slice(0, 8)}`
  await using database = await createDatabase(await sharedPostgres(), name)
  const store = postgres({ url: database.url })
  await store.migrate()
  const session = await store.openRelaySession()
  const id = randomUUID()
  await session.enroll({ id, fence: 'killed', protocol: 1, ttlMs: 60_000 })
  await session.tick(id, 60_000, ({ free }) => free)
  const logger = new MemoryLogger()
  await using bus = new EventBus({ store, broker: local(), logger })
  await bus.startRelay()
  await eventually('it says so', () =>
    logger.lines.some((line) => /^warn .*others keep all lanes.* after its last sign/.test(line))
      ? true
      : undefined,
  )
  await session[Symbol.asyncDispose]()
})

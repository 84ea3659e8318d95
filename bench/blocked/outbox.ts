import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Client } from 'pg'
import { kafka as kafkaBroker } from '../../src/brokers/kafka/index.ts'
import { EventBus } from '../../src/index.ts'
import { postgres as postgresStore } from '../../src/stores/postgres/index.ts'
import { createDatabase, createTopic, kafkaTool } from '../../test/servers/index.ts'
import type { KafkaServer, Server } from '../../test/servers/index.ts'
import type { BlockedJob, BlockedReport } from './relay.ts'

interface Servers {
  readonly postgres: Server
  readonly kafka: KafkaServer
}

/** An outbox and its relay. */
export class Outbox {
  maxRssMiB = 0
  readonly #name: string
  readonly #kafka: KafkaServer
  readonly #client: Client
  readonly #relay: ChildProcess
  #published = 0

  static async open(servers: Servers, name: string): Promise<Outbox> {
    await createTopic(servers.kafka, name, { partitions: 4 })
    const { url } = await createDatabase(servers.postgres, name)
    const store = postgresStore({ url })
    await store.migrate()
    await store.close()
    const client = new Client({ connectionString: url })
    await client.connect()
    const job: BlockedJob = { databaseUrl: url, broker: servers.kafka.address }
    const relay = fork(join(import.meta.dirname, 'relay.ts'), [JSON.stringify(job)])
    return new Outbox(name, servers.kafka, client, relay)
  }

  private constructor(name: string, kafka: KafkaServer, client: Client, relay: ChildProcess) {
    this.#name = name
    this.#kafka = kafka
    this.#client = client
    this.#relay = relay
    relay.on('message', (report: BlockedReport) => {
      this.#published = report.published
      this.maxRssMiB = report.maxRssMiB
    })
  }

  /** Events a second of keys that nothing blocks. */
  async publishOthers(events: number): Promise<number> {
    const before = this.#published
    await this.#send(
      `SELECT $1, 'k' || (n % 500), convert_to(repeat('x', 200), 'UTF8') FROM generate_series(1, $2::int) n`,
      events,
    )
    const since = performance.now()
    await this.#until(before + events)
    return (events / (performance.now() - since)) * 1000
  }

  /** A record that Kafka refuses, many events behind it, and all of it parked. */
  async poison(behind: number): Promise<void> {
    await this.#send(`SELECT $1, 'poison', convert_to(repeat('x', $2::int), 'UTF8')`, 2_000_000)
    await this.#send(
      `SELECT $1, 'poison', convert_to(n::text, 'UTF8') FROM generate_series(1, $2::int) n`,
      behind,
    )
    for (;;) {
      const { rows } = await this.#client.query<{ n: string }>(
        'SELECT count(*) AS n FROM oncommit.held',
      )
      if (Number(rows[0]?.n) === behind + 1) return
    }
  }

  /** Lets Kafka take the record, releases the key, and reads it all. */
  async release(behind: number): Promise<{ perSecond: number; outOfOrder: number }> {
    const topic = ['--entity-type', 'topics', '--entity-name', this.#name]
    const change = ['--alter', '--add-config', 'max.message.bytes=4194304']
    await kafkaTool('configs', ['--bootstrap-server', this.#kafka.address, ...topic, ...change])
    const before = this.#published
    const since = performance.now()
    await this.#client.query(
      `UPDATE oncommit.blocked SET state = 'draining', retry_at = clock_timestamp(), attempts = 0 WHERE key = 'poison'`,
    )
    await this.#until(before + behind + 1)
    const perSecond = ((behind + 1) / (performance.now() - since)) * 1000
    return { perSecond, outOfOrder: await this.#countOutOfOrder(behind) }
  }

  async end(): Promise<void> {
    this.#relay.send('end')
    await once(this.#relay, 'exit')
    await this.#client.end()
  }

  async #countOutOfOrder(behind: number): Promise<number> {
    await using bus = new EventBus({
      broker: kafkaBroker({ brokers: [this.#kafka.address], maxRecordBytes: 4_000_000 }),
    })
    let last = -1
    let wrong = 0
    for await (const event of bus.stream(this.#name, { group: 'order', from: 'earliest' })) {
      if (event.key !== 'poison') continue
      const number = event.payload?.byteLength === 2_000_000 ? 0 : Number(event.text())
      if (number !== last + 1) wrong++
      last = number
      if (last === behind) break
    }
    return wrong
  }

  async #send(select: string, number: number): Promise<void> {
    await this.#client.query(`INSERT INTO oncommit.events (topic, key, payload) ${select}`, [
      this.#name,
      number,
    ])
  }

  async #until(published: number): Promise<void> {
    while (this.#published < published) await once(this.#relay, 'message')
    if (this.#published > published) throw new Error(`${this.#published - published} too many`)
  }
}

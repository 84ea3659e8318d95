import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Producer } from '@platformatic/kafka'
import { createTopic, type KafkaAddress, sharedKafka, startKafka } from '../servers/index.ts'
import { Members } from './kafka-log/members.ts'

const PARTITIONS = 8

/** Sends a record to each partition every few milliseconds until it is stopped. */
class Load {
  readonly #producer: Producer
  readonly #topic: string
  readonly #running: Promise<void>
  #stopped = false
  sent = 0

  constructor(server: KafkaAddress, topic: string, everyMs: number) {
    this.#topic = topic
    this.#producer = new Producer({
      clientId: 'load',
      bootstrapBrokers: [server.address],
      idempotent: true,
      retries: 1_000,
      retryDelay: 100,
    })
    this.#running = this.#send(everyMs)
  }

  async #send(everyMs: number): Promise<void> {
    while (!this.#stopped) {
      const messages = Array.from({ length: PARTITIONS }, (_, partition) => ({
        topic: this.#topic,
        partition,
        value: Buffer.from(String(this.sent)),
      }))
      await this.#producer.send({ acks: -1, messages })
      this.sent += PARTITIONS
      await sleep(everyMs)
    }
  }

  async stop(): Promise<number> {
    this.#stopped = true
    await this.#running
    await this.#producer.close()
    return this.sent
  }
}

for (const { groupProtocol, handleMs, everyMs } of [
  { groupProtocol: 'classic', handleMs: 0, everyMs: 10 },
  { groupProtocol: 'classic', handleMs: 20, everyMs: 100 },
  { groupProtocol: 'consumer', handleMs: 0, everyMs: 10 },
  { groupProtocol: 'consumer', handleMs: 20, everyMs: 100 },
] as const) {
  it(`members join and leave under load by the ${groupProtocol} protocol: nothing lost, twice or backwards, ${handleMs} ms a record`, async () => {
    const server = await sharedKafka()
    const topic = `rebalance-${randomUUID()}`
    await createTopic(server, topic, { partitions: PARTITIONS })
    const options = {
      address: server.address,
      group: randomUUID(),
      topics: [topic],
      sessionTimeoutMs: 10_000,
      groupProtocol,
      handleMs,
    }
    await using members = new Members()
    members.start('a', options)
    await members.untilOwned(PARTITIONS, ['a'])
    const load = new Load(server, topic, everyMs)
    const moreHandled = async (): Promise<void> => {
      const before = members.faults().handled
      await members.until('more handled', () => members.faults().handled > before + 50)
    }
    members.start('b', options)
    await members.untilOwned(PARTITIONS, ['a', 'b'])
    await moreHandled()
    members.start('c', options)
    await members.untilOwned(PARTITIONS, ['a', 'b', 'c'])
    await moreHandled()
    await members.leave('a')
    await members.untilOwned(PARTITIONS, ['b', 'c'])
    await moreHandled()
    members.start('d', options)
    await members.untilOwned(PARTITIONS, ['b', 'c', 'd'])
    await moreHandled()
    await members.leave('c')
    await members.untilOwned(PARTITIONS, ['b', 'd'])
    const sent = await load.stop()
    await members.until('all handled', () => members.faults().handled === sent)
    assert.deepEqual(members.faults(), { handled: sent, twice: [], backwards: [], failed: [] })
  })
}

for (const groupProtocol of ['classic', 'consumer'] as const) {
  it(`a broker that dies and comes back takes nothing from its members by the ${groupProtocol} protocol: nothing lost, twice or backwards`, async () => {
    await using server = await startKafka()
    const topic = 'outage'
    await createTopic(server, topic, { partitions: PARTITIONS })
    const options = {
      address: server.address,
      group: 'outage',
      topics: [topic],
      sessionTimeoutMs: 6_000,
      groupProtocol,
      handleMs: 1,
    }
    await using members = new Members()
    members.start('a', options)
    await members.untilOwned(PARTITIONS, ['a'])
    members.start('b', options)
    await members.untilOwned(PARTITIONS, ['a', 'b'])
    const load = new Load(server, topic, 20)
    await members.until('some handled', () => members.faults().handled > 200)
    await server.kill()
    const away = (name: string, isAway: boolean): boolean => {
      const last = members.told.findLast((one) => one.member === name && one.event === 'away')
      return last?.event === 'away' && (last.error !== null) === isAway
    }
    await members.until('both away', () => away('a', true) && away('b', true))
    // Longer than the session: an outage is nobody's silence.
    await sleep(7_000)
    await server.restart()
    await members.until('both back', () => away('a', false) && away('b', false))
    const before = members.faults().handled
    await members.until('more handled', () => members.faults().handled > before + 200)
    const sent = await load.stop()
    await members.until('all handled', () => members.faults().handled === sent)
    assert.deepEqual(members.faults(), { handled: sent, twice: [], backwards: [], failed: [] })
  })
}

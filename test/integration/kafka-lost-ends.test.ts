import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { Cluster } from '../../src/brokers/kafka/cluster.ts'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { readKafkaOptions } from '../../src/brokers/kafka/kafka-options.ts'
import type { KafkaSettings } from '../../src/brokers/kafka/kafka-options.ts'
import { markerBatch, markerPartition } from '../../src/brokers/kafka/markers.ts'
import type { PartitionBatch } from '../../src/brokers/kafka/sends.ts'
import { TransactionalProducer } from '../../src/brokers/kafka/transaction.ts'
import type { Broker, PublishedBatch } from '../../src/core/broker.ts'
import { type KafkaServer, createTopic, readTopic, startKafka } from '../servers/index.ts'
import { API, Proxy } from './kafka/proxy.ts'

const MARKERS = '__oncommit_markers'
const never = new AbortController().signal
const rule = { signal: never, until: Number.POSITIVE_INFINITY }

function batchOf(topic: string, values: readonly string[]): PartitionBatch {
  const records = values.map((value) => ({ key: null, value: Buffer.from(value), headers: [] }))
  return { topic, partition: 0, records, indexes: records.map((_, index) => index) }
}

function marker(key: string, number: number, topic: string): PartitionBatch {
  const batch = { number, ids: [[BigInt(number), BigInt(number)]] as const, records: [] }
  const place = { topic: MARKERS, partition: markerPartition(key, 8) }
  return markerBatch(place, { key, relayId: 'dead', batch, topics: [topic] })
}

const numbersOf = (batches: readonly PublishedBatch[]): number[] =>
  batches.map(({ number }) => number)

/** Kafka decided a transaction, and dropped its end on partitions without a leader (KAFKA-20734). */
describe('a transaction whose end Kafka lost on some partitions', () => {
  let proxy: Proxy
  let server: KafkaServer
  let broker: Broker
  let settings: KafkaSettings

  before(async () => {
    proxy = await Proxy.listen()
    server = await startKafka({
      properties: {
        'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}`,
        // Lets a producer write where its coordinator knows of no transaction: what is left of one.
        'transaction.partition.verification.enable': false,
      },
    })
    proxy.forwardTo(server.port)
    broker = kafka({ brokers: [server.address] })
    settings = readKafkaOptions({ brokers: [server.address] })
    const first = await broker.openPublisher({
      outbox: 'ends',
      relayId: randomUUID(),
      signal: never,
      onAway: () => {},
    })
    await first.close()
  })
  after(async () => {
    await broker.close()
    await proxy[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  const seen = async (topic: string): Promise<(string | undefined)[]> =>
    (await readTopic(server, topic)).map(({ value }) => value?.toString())

  async function newTopic(): Promise<string> {
    const name = `e-${randomUUID()}`
    await createTopic(server, name, { partitions: 2 })
    return name
  }

  async function holder(fence: string): Promise<TransactionalProducer & Disposable> {
    const cluster = await Cluster.open(settings.connection)
    const transactionalId = `${fence}.0`
    const producer = new TransactionalProducer(cluster, { ...settings, transactionalId })
    await producer.take(rule)
    return Object.assign(producer, { [Symbol.dispose]: () => producer.close() })
  }

  for (const decision of ['commit', 'abort'] as const)
    it(`is ended as it was decided by whoever takes over: ${decision}`, async () => {
      const topic = await newTopic()
      const fence = `oncommit.ends.${randomUUID()}`
      using dead = await holder(fence)
      const own = [marker(`${fence}.0`, 1, topic), batchOf(topic, ['a'])]
      await dead.begin(own, rule)
      await dead.write(own, rule)
      await dead.end(decision, rule)
      await completed(dead)
      await dead.write([marker(`${fence}.0`, 3, topic), batchOf(topic, ['b'])], rule)
      assert.deepEqual(await seen(topic), decision === 'commit' ? ['a'] : [])

      const published = await broker.fence(fence, never)

      assert.deepEqual(numbersOf(published), decision === 'commit' ? [3] : [])
      assert.deepEqual(await seen(topic), decision === 'commit' ? ['a', 'b'] : [])
      await endsAt(topic, decision === 'commit' ? ['a', 'b', 'later'] : ['later'])
    })

  it('is ended on the partitions of its events where only these lost it', async () => {
    const topic = await newTopic()
    const fence = `oncommit.ends.${randomUUID()}`
    using _ = await deadWithLostEnd(fence, topic)
    assert.deepEqual(numbersOf(await broker.fence(fence, never)), [1])
    await endsAt(topic, ['a', 'b', 'later'])
  })

  it('is ended as it was decided though a first takeover could not look at a partition', async () => {
    const topic = await newTopic()
    const fence = `oncommit.ends.${randomUUID()}`
    using _ = await deadWithLostEnd(fence, topic)
    const stop = new AbortController()
    const held = proxy.hold(API.describeProducers)
    const first = broker.fence(fence, stop.signal)
    await held
    stop.abort()
    await assert.rejects(first)

    assert.deepEqual(numbersOf(await broker.fence(fence, never)), [1])
    await endsAt(topic, ['a', 'b', 'later'])
  })

  it('is ended by its own publisher after a disturbance', async () => {
    const topic = await newTopic()
    using producer = await holder(`oncommit.ends.${randomUUID()}`)
    const own = [batchOf(topic, ['a'])]
    await producer.begin(own, rule)
    await producer.write(own, rule)
    await producer.end('commit', rule)
    await completed(producer)
    await producer.write([batchOf(topic, ['b'])], rule)
    assert.deepEqual(await seen(topic), ['a'])

    const other = [{ ...batchOf(topic, ['c']), partition: 1 }]
    const lost = proxy.loseAnswerTo(API.addPartitions)
    await producer.begin(other, rule)
    await lost
    await producer.write(other, rule)
    await producer.end('commit', rule)

    assert.deepEqual(new Set(await seen(topic)), new Set(['a', 'b', 'c']))
  })

  /** Of its committed batch only the events' partition is open: `a` can be read, `b` can't. */
  async function deadWithLostEnd(fence: string, topic: string): Promise<Disposable> {
    const dead = await holder(fence)
    const own = [marker(`${fence}.0`, 1, topic), batchOf(topic, ['a'])]
    await dead.begin(own, rule)
    await dead.write(own, rule)
    await dead.end('commit', rule)
    await completed(dead)
    await dead.write([batchOf(topic, ['b'])], rule)
    assert.deepEqual(await seen(topic), ['a'])
    return dead
  }

  /** Resolves when the ends are written: Kafka answers before. */
  async function completed({ transactionalId }: TransactionalProducer): Promise<void> {
    const cluster = await Cluster.open(settings.connection)
    const coordinator = await cluster.coordinatorOf(transactionalId)
    const { api } = cluster.peer.describeTransactionsV0
    for (let state = ''; !state.startsWith('Complete');) {
      const { transactionStates } = await cluster.askNode(coordinator, api, [transactionalId])
      state = String(transactionStates[0]?.transactionState)
    }
    cluster.close()
  }

  /** A committed-only reader gets to see what comes next. */
  async function endsAt(topic: string, expected: readonly string[]): Promise<void> {
    using next = await holder(`oncommit.ends.${randomUUID()}`)
    const later = [batchOf(topic, ['later'])]
    await next.begin(later, rule)
    await next.write(later, rule)
    await next.end('commit', rule)
    const records = await readTopic(server, topic, { atLeast: expected.length })
    assert.deepEqual(
      records.map(({ value }) => value?.toString()),
      expected,
    )
  }
})

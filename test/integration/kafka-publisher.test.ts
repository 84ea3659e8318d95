import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { AppendResult, Broker, Publisher, TopicRecord } from '../../src/core/broker.ts'
import type { BrokerError } from '../../src/core/errors.ts'
import { toRanges } from '../../src/core/id-ranges.ts'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { type Address, createTopic, readTopic, sharedKafka } from '../servers/index.ts'

const never = new AbortController().signal

function record(topic: string, value: string | null, more: Partial<TopicRecord> = {}): TopicRecord {
  return {
    topic,
    key: null,
    value: value === null ? null : Buffer.from(value),
    headers: [],
    ...more,
  }
}

let nextId = 1n

function batchOf(number: number, records: readonly TopicRecord[]) {
  const ids = records.map(() => nextId++)
  return { number, ids: toRanges(ids), records }
}

function appended(result: AppendResult) {
  assert.equal(result.state, 'appended')
  return result
}

function refused(result: AppendResult) {
  assert.equal(result.state, 'refused')
  return result
}

const values = (records: readonly { value: Buffer | null }[]): (string | undefined)[] =>
  records.map(({ value }) => value?.toString())

for (const guarantee of ['exactly-once', 'at-least-once'] as const) {
  describe(`kafka publisher, ${guarantee}`, () => {
    let server: Address
    let broker: Broker
    let publisher: Publisher
    let topic: string
    let number = 0

    const open = async (): Promise<Publisher> =>
      broker.openPublisher({
        outbox: 'test',
        relayId: randomUUID(),
        signal: never,
        onAway: () => {},
      })
    const append = async (records: readonly TopicRecord[]): Promise<AppendResult> =>
      publisher.append(batchOf(++number, records), () => {})
    const publish = async (records: readonly TopicRecord[]): Promise<void> =>
      appended(await append(records)).commit()

    before(async () => {
      server = await sharedKafka()
      broker = kafka({ brokers: [server.address], guarantee })
      publisher = await open()
      topic = `t-${randomUUID()}`
      await createTopic(server, topic, { partitions: 3 })
    })
    after(async () => {
      await publisher.close()
      await broker.close()
    })

    it('brings bytes out as they went in: null, empty, all 256 values, headers in order with duplicates', async () => {
      const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
      const key = Buffer.from('faithful')
      const headers = [
        ['a', Buffer.from('1')],
        ['b', all],
        ['a', Buffer.alloc(0)],
        ['a', Buffer.from('3')],
        ['имя', Buffer.from('значение')],
      ] as const
      const sent = [
        record(topic, null, { key }),
        record(topic, null, { key, value: Buffer.alloc(0) }),
        record(topic, null, { key, value: all, headers }),
        record(topic, null, { key, value: Buffer.alloc(100_000, 7) }),
      ]
      await publish(sent)
      const found = (await readTopic(server, topic, { atLeast: 4 })).filter((one) =>
        one.key?.equals(key),
      )
      assert.deepEqual(
        found.map(({ key: k, value, headers: h }) => ({ topic, key: k, value, headers: h })),
        sent.map(({ key: k, value, headers: h }) => ({
          topic,
          key: k,
          value,
          headers: h.map((pair) => [...pair]),
        })),
      )
      const now = Date.now()
      for (const { timestamp } of found) assert.ok(Math.abs(now - timestamp) < 60_000)
      await publish([record(topic, 'empty key', { key: Buffer.alloc(0) }), record(topic, 'no key')])
      const later = await readTopic(server, topic, { atLeast: 6 })
      const emptyKey = later.find(({ value }) => value?.toString() === 'empty key')
      assert.equal(emptyKey?.key?.length, 0)
      assert.equal(later.find(({ value }) => value?.toString() === 'no key')?.key, null)
    })

    it('keeps the order of each key over many batches that take turns', async () => {
      const own = `t-${randomUUID()}`
      await createTopic(server, own, { partitions: 3 })
      const keys = ['a', 'b', 'c', 'd', 'e'].map((key) => Buffer.from(key))
      let last: Promise<void> = Promise.resolve()
      for (let at = 0; at < 20; at++) {
        const records = keys.flatMap((key) => [
          record(own, `${2 * at}`, { key }),
          record(own, `${2 * at + 1}`, { key }),
        ])
        const result = appended(await append(records))
        await last
        last = result.commit()
      }
      await last
      const found = await readTopic(server, own, { atLeast: 200 })
      for (const key of keys)
        assert.deepEqual(
          values(found.filter((one) => one.key?.equals(key))),
          Array.from({ length: 40 }, (_, i) => `${i}`),
        )
    })

    it('spreads records without a key over the partitions', async () => {
      const own = `t-${randomUUID()}`
      await createTopic(server, own, { partitions: 3 })
      for (let at = 0; at < 3; at++) await publish([record(own, `${at}`), record(own, `${at}`)])
      const found = await readTopic(server, own, { atLeast: 6 })
      assert.deepEqual(
        [0, 1, 2].map((partition) => found.filter((one) => one.partition === partition).length),
        [2, 2, 2],
      )
    })

    it('writes a batch that is larger than what a partition takes at once', async () => {
      const own = `t-${randomUUID()}`
      await createTopic(server, own, { partitions: 2 })
      const value = 'x'.repeat(10_000)
      const key = Buffer.from('one')
      const records = Array.from({ length: 400 }, (_, at) => record(own, `${at} ${value}`, { key }))
      const result = appended(await append(records))
      assert.ok(result.acks.length > 4)
      await result.commit()
      const found = await readTopic(server, own, { atLeast: 400 })
      assert.deepEqual(
        values(found).map((text) => Number.parseInt(text ?? '', 10)),
        records.map((_, at) => at),
      )
      assert.deepEqual(
        result.acks.map(([name]) => name),
        result.acks.map(() => own),
      )
    })

    it('refuses records of topics that do not exist, writes nothing, and goes on', async () => {
      const missing = `t-${randomUUID()}`
      const own = `t-${randomUUID()}`
      await createTopic(server, own)
      const result = refused(
        await append([
          record(own, '0'),
          record(missing, '1'),
          record(own, '2'),
          record(missing, '3'),
        ]),
      )
      assert.deepEqual(result.written, [])
      assert.deepEqual(
        result.refusals.map(({ indexes, error }) => [indexes, error.kind, error.topic]),
        [[[1, 3], 'topic-unavailable', missing]],
      )
      await publish([record(own, 'after')])
      assert.deepEqual(values(await readTopic(server, own, { atLeast: 1 })), ['after'])
    })

    it('refuses a record that is too large with its partition batch, and goes on in sequence', async () => {
      const own = `t-${randomUUID()}`
      await createTopic(server, own, { partitions: 2, configs: { 'max.message.bytes': '2000' } })
      // Java's partitioner puts these two into different partitions of two.
      const [a, b] = await twoKeys()
      await publish([record(own, 'a1', { key: a }), record(own, 'b1', { key: b })])
      const large = 'x'.repeat(3_000)
      const result = refused(
        await append([
          record(own, 'b2', { key: b }),
          record(own, 'a2', { key: a }),
          record(own, large, { key: a }),
        ]),
      )
      const [refusal] = result.refusals
      assert.deepEqual(refusal?.indexes, [1, 2])
      assert.equal(refusal?.error.kind, 'event-refused')
      assert.match(refusal?.error.message ?? '', /a partition|partition \d of topic/)
      assert.deepEqual(result.written, guarantee === 'exactly-once' ? [] : [0])
      const rest = guarantee === 'exactly-once' ? [record(own, 'b2', { key: b })] : []
      await publish([...rest, record(own, 'a2', { key: a }), record(own, 'a3', { key: a })])
      await publish([record(own, 'b3', { key: b })])
      const found = await readTopic(server, own, { atLeast: 6 })
      assert.deepEqual(values(found.filter((one) => one.key?.equals(a))), ['a1', 'a2', 'a3'])
      assert.deepEqual(values(found.filter((one) => one.key?.equals(b))), ['b1', 'b2', 'b3'])
    })

    it('refuses exactly the records that the broker names', async () => {
      const own = `t-${randomUUID()}`
      await createTopic(server, own, { configs: { 'cleanup.policy': 'compact' } })
      const key = Buffer.from('k')
      const result = refused(
        await append([
          record(own, '0', { key }),
          record(own, 'a compacted topic needs a key'),
          record(own, '2', { key }),
          record(own, 'here too'),
        ]),
      )
      assert.deepEqual(
        result.refusals.map(({ indexes, error }) => [indexes, error.kind]),
        [
          [[1], 'event-refused'],
          [[3], 'event-refused'],
        ],
      )
      assert.deepEqual(result.written, [])
      await publish([record(own, '0', { key }), record(own, '2', { key })])
      assert.deepEqual(values(await readTopic(server, own, { atLeast: 2 })), ['0', '2'])
    })

    it('refuses what a topic refuses for its timestamp, as the event’s fault', async (t) => {
      const own = `t-${randomUUID()}`
      await createTopic(server, own, { configs: { 'message.timestamp.before.max.ms': '60000' } })
      const anHourAgo = Date.now() - 3_600_000
      t.mock.method(Date, 'now', () => anHourAgo)
      const result = refused(await append([record(own, 'of an hour ago')]))
      assert.deepEqual(
        result.refusals.map(({ indexes, error }) => [indexes, error.kind]),
        [[[0], 'event-refused']],
      )
      t.mock.restoreAll()
      await publish([record(own, 'of now')])
      assert.deepEqual(values(await readTopic(server, own, { atLeast: 1 })), ['of now'])
    })

    it('writes nothing and stays usable when beforeSend throws', async () => {
      const own = `t-${randomUUID()}`
      await createTopic(server, own)
      const lost = new Error('the lease is over')
      await assert.rejects(
        publisher.append(batchOf(++number, [record(own, 'not sent')]), () => {
          throw lost
        }),
        (error) => error === lost,
      )
      await publish([record(own, 'sent')])
      assert.deepEqual(values(await readTopic(server, own, { atLeast: 1 })), ['sent'])
    })

    it('asks again between the requests of a batch only where nothing would shut it out', async () => {
      const own = await open()
      const name = `t-${randomUUID()}`
      await createTopic(server, name, { partitions: 1 })
      const halves = ['a', 'b'].map((value) => record(name, value.repeat(600_000)))
      let asked = 0
      const appending = own.append(batchOf(1, halves), () => {
        asked += 1
        if (asked === 2) throw new Error('the lease is over')
      })
      if (guarantee === 'exactly-once') await appended(await appending).commit()
      else {
        await assert.rejects(appending, {
          kind: 'away',
          message: /half written: the lease is over/,
        })
        await assert.rejects(own.append(batchOf(1, [record(name, 'later')]), () => {}))
      }
      const found = values(await readTopic(server, name, { atLeast: 1 })).map((text) => text?.[0])
      assert.deepEqual(found, guarantee === 'exactly-once' ? ['a', 'b'] : ['a'])
      await own.close()
    })

    it('says why a topic can not be written to, before anything is sent', async () => {
      await broker.probe(topic, never)
      const missing = `t-${randomUUID()}`
      await assert.rejects(broker.probe(missing, never), (error: BrokerError) => {
        assert.equal(error.kind, 'topic-unavailable')
        assert.equal(error.topic, missing)
        return true
      })
    })

    it('rejects at once when closed, and its signal ends it too', async () => {
      const own = await open()
      await own.close()
      await own.close()
      await assert.rejects(
        own.append(batchOf(1, [record(topic, 'late')]), () => {}),
        { kind: 'away' },
      )
    })
  })
}

async function twoKeys(): Promise<[Buffer, Buffer]> {
  const { partitionOf } = await import('../../src/core/murmur2.ts')
  const keys = Array.from({ length: 50 }, (_, at) => Buffer.from(`key ${at}`))
  const find = (partition: number): Buffer =>
    keys.find((key) => partitionOf(key, 2) === partition) ?? Buffer.alloc(0)
  return [find(0), find(1)]
}

import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { BrokerError, OffsetLostError } from '../../src/core/errors.ts'
import type { LogRecord } from '../../src/core/codec.ts'
import type { LogClient, Page, Position } from '../../src/core/log.ts'
import { type Address, createTopic, kafkaTool, sharedKafka, startKafka } from '../servers/index.ts'
import {
  advance,
  assertAsKafkaReads,
  fetchOptions,
  openLog,
  produce,
  readToEnd,
  TransactionalProducer,
} from './kafka-log/reading.ts'

let server: Address
let log: LogClient & AsyncDisposable

before(async () => {
  server = await sharedKafka()
  log = await openLog(server)
})
after(() => log.close())

async function newTopic(partitions = 1): Promise<string> {
  const topic = `log-${randomUUID()}`
  await createTopic(server, topic, { partitions })
  return topic
}

async function deleteTopic(topic: string): Promise<void> {
  const args = ['--bootstrap-server', server.address, '--delete', '--topic', topic]
  const { code, stderr } = await kafkaTool('topics', args)
  assert.equal(code, 0, stderr)
}

const values = (records: readonly { value: Buffer | null }[]): (string | undefined)[] =>
  records.map((one) => one.value?.toString())

describe('committed records', () => {
  it('drops two aborted transactions of a producer and keeps its third, all in one fetch', async () => {
    const topic = await newTopic()
    await using producer = new TransactionalProducer(server)
    await producer.send(topic, ['aborted 1'])
    await producer.abort()
    await producer.send(topic, ['aborted 2'])
    await producer.abort()
    await producer.send(topic, ['committed'])
    await producer.commit()
    const { records, pages } = await readToEnd(log, topic)
    assert.equal(pages.length, 1)
    assert.deepEqual(values(records), ['committed'])
    await assertAsKafkaReads(server, topic, records)
  })

  it('drops an aborted transaction that is larger than a fetch, of which no fetch but the last has the marker', async () => {
    const topic = await newTopic()
    await using producer = new TransactionalProducer(server)
    await produce(server, [{ topic, partition: 0, value: Buffer.from('before') }])
    for (let i = 0; i < 6; i++) await producer.send(topic, [randomBytes(300_000)])
    await producer.abort()
    await producer.send(topic, ['after'])
    await producer.commit()
    const { records, pages } = await readToEnd(log, topic)
    assert.ok(pages.length > 4)
    assert.deepEqual(values(records), ['before', 'after'])
    await assertAsKafkaReads(server, topic, records)
  })

  it('tells interleaved transactions of two producers apart', async () => {
    const topic = await newTopic()
    await using one = new TransactionalProducer(server)
    await using other = new TransactionalProducer(server)
    await one.send(topic, ['aborted a'])
    await other.send(topic, ['committed a'])
    await one.send(topic, ['aborted b'])
    await one.abort()
    await other.send(topic, ['committed b'])
    await one.send(topic, ['committed c'])
    await other.commit()
    await one.commit()
    const { records } = await readToEnd(log, topic)
    assert.deepEqual(values(records), ['committed a', 'committed b', 'committed c'])
    await assertAsKafkaReads(server, topic, records)
  })

  it('reads up to an open transaction, and on when it ends', async () => {
    const topic = await newTopic()
    await using open = new TransactionalProducer(server)
    await produce(server, [{ topic, partition: 0, value: Buffer.from('before') }])
    await open.send(topic, ['in it'])
    await produce(server, [{ topic, partition: 0, value: Buffer.from('behind') }])
    const first = await readToEnd(log, topic)
    assert.deepEqual(values(first.records), ['before'])
    assert.equal(first.positions[0]?.offset, 1n)
    await assertAsKafkaReads(server, topic, first.records)
    const [empty] = await log.fetch(first.positions, { ...fetchOptions, maxWaitMs: 50 })
    assert.deepEqual(empty?.records, [])
    assert.equal(empty?.endOffset, 1n)
    const coming = log.fetch(first.positions, { ...fetchOptions, maxWaitMs: 5_000 })
    await open.commit()
    assert.deepEqual(values((await coming).flatMap((page) => page.records)), ['in it', 'behind'])
    await assertAsKafkaReads(server, topic, (await readToEnd(log, topic)).records)
  })

  it('sees what Kafka sees of random transactions, whatever the size of a fetch', async () => {
    const topic = await newTopic(2)
    await using open = new AsyncDisposableStack()
    const producers = [1, 2, 3].map(() => open.use(new TransactionalProducer(server)))
    for (let step = 0; step < 60; step++) {
      const producer = producers[Math.floor(Math.random() * 3)]
      const size = Math.random() < 0.2 ? 100_000 : 10
      await producer?.send(topic, [randomBytes(size), randomBytes(size)], step % 2)
      if (Math.random() < 0.3) await producer?.abort()
      else if (Math.random() < 0.5) await producer?.commit()
    }
    for (const producer of producers) await producer.abort()
    for (const maxPartitionBytes of [1, 5_000, 150_000, 1 << 20]) {
      const { records } = await readToEnd(log, topic, { maxPartitionBytes })
      await assertAsKafkaReads(server, topic, records)
    }
  })
})

describe('a page', () => {
  it('ends behind the marker of a transaction, so that nothing is left to read', async () => {
    const topic = await newTopic()
    await using producer = new TransactionalProducer(server)
    await producer.send(topic, ['one'])
    await producer.commit()
    const { positions, pages } = await readToEnd(log, topic)
    assert.equal(pages.at(-1)?.endOffset, 2n)
    assert.equal(positions[0]?.offset, 2n)
  })

  it('moves on over records that nobody sees', async () => {
    const topic = await newTopic()
    await using producer = new TransactionalProducer(server)
    await producer.send(topic, ['aborted'])
    await producer.abort()
    const { records, positions } = await readToEnd(log, topic)
    assert.deepEqual(records, [])
    assert.equal(positions[0]?.offset, 2n)
  })

  it('begins at the position, also in the middle of a batch', async () => {
    const topic = await newTopic()
    const messages = ['a', 'b', 'c', 'd'].map((value) => ({
      topic,
      partition: 0,
      value: Buffer.from(value),
    }))
    await produce(server, messages)
    const [page] = await log.fetch([{ topic, partition: 0, offset: 2n }], fetchOptions)
    assert.deepEqual(values(page?.records ?? []), ['c', 'd'])
    assert.deepEqual(
      page?.records.map((one) => one.offset),
      [2n, 3n],
    )
  })

  it('has keys, values and headers byte for byte: null, empty, in order, twice the same name', async () => {
    const topic = await newTopic()
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    await produce(server, [
      { topic, partition: 0, key: bytes, value: bytes },
      { topic, partition: 0, key: Buffer.alloc(0), value: Buffer.alloc(0) },
      { topic, partition: 0 },
      {
        topic,
        partition: 0,
        value: Buffer.from('x'),
        headers: new Map([
          [Buffer.from('same'), Buffer.from('1')],
          [Buffer.from('ключ'), bytes],
          [Buffer.from('same'), Buffer.from('2')],
        ]),
      },
    ])
    const { records } = await readToEnd(log, topic)
    assert.deepEqual(
      records.map((one) => [one.key, one.value]),
      [
        [bytes, bytes],
        [Buffer.alloc(0), Buffer.alloc(0)],
        [null, null],
        [null, Buffer.from('x')],
      ],
    )
    assert.deepEqual(records[3]?.headers, [
      ['same', Buffer.from('1')],
      ['ключ', bytes],
      ['same', Buffer.from('2')],
    ])
    await assertAsKafkaReads(server, topic, records)
  })

  for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
    it(`is read from batches compressed with ${compression}`, async () => {
      const topic = await newTopic()
      const messages = Array.from({ length: 100 }, (_, i) => ({
        topic,
        partition: 0,
        key: Buffer.from(`key ${i}`),
        value: Buffer.from(`value ${i} `.repeat(20)),
      }))
      await produce(server, messages, compression)
      const { records } = await readToEnd(log, topic)
      assert.equal(records.length, 100)
      await assertAsKafkaReads(server, topic, records)
    })
  }
})

describe('a fetch', () => {
  it('waits for the first record, and no longer than it may', async () => {
    const topic = await newTopic()
    const position = { topic, partition: 0, offset: 0n }
    const began = performance.now()
    const [empty] = await log.fetch([position], { ...fetchOptions, maxWaitMs: 200 })
    assert.deepEqual(empty?.records, [])
    assert.ok(performance.now() - began >= 190)
    const coming = log.fetch([position], { ...fetchOptions, maxWaitMs: 5_000 })
    const sent = performance.now()
    await produce(server, [{ topic, partition: 0, value: Buffer.from('x') }])
    assert.equal((await coming)[0]?.records.length, 1)
    assert.ok(performance.now() - sent < 2_000)
  })

  it('waits as long for no partitions at all', async () => {
    const began = performance.now()
    assert.deepEqual(await log.fetch([], { ...fetchOptions, maxWaitMs: 100 }), [])
    assert.ok(performance.now() - began >= 90)
  })

  it('ends when its signal aborts, and the next one is not held up by it', async () => {
    const [idle, busy] = [await newTopic(), await newTopic()]
    await produce(server, [{ topic: busy, partition: 0, value: Buffer.from('x') }])
    const stop = new AbortController()
    const options = { ...fetchOptions, maxWaitMs: 5_000, signal: stop.signal }
    const waiting = log.fetch([{ topic: idle, partition: 0, offset: 0n }], options)
    const began = performance.now()
    setImmediate(() => stop.abort(new Error('enough')))
    await assert.rejects(waiting, /enough/)
    const [page] = await log.fetch([{ topic: busy, partition: 0, offset: 0n }], fetchOptions)
    assert.equal(page?.records.length, 1)
    assert.ok(performance.now() - began < 2_000)
  })

  it('gives what an aborted one had asked for to the next that asks for the same', async () => {
    const topic = await newTopic()
    const stop = new AbortController()
    const position = { topic, partition: 0, offset: 0n }
    const options = { ...fetchOptions, maxWaitMs: 5_000 }
    const waiting = log.fetch([position], { ...options, signal: stop.signal })
    setImmediate(() => stop.abort())
    await assert.rejects(waiting)
    const again = log.fetch([position], options)
    await produce(server, [{ topic, partition: 0, value: Buffer.from('x') }])
    assert.deepEqual(values((await again).flatMap((page) => page.records)), ['x'])
  })

  it('gives every partition its turn, however much the others have', async () => {
    const topic = await newTopic(4)
    for (let i = 0; i < 12; i++)
      await produce(server, [{ topic, partition: i % 4, value: randomBytes(100_000) }])
    const { pages } = await readToEnd(log, topic, { maxBytes: 100, maxPartitionBytes: 100 })
    const turns = pages.filter((page) => page.records.length > 0).map((page) => page.partition)
    assert.equal(new Set(turns.slice(0, 4)).size, 4)
    assert.equal(new Set(turns.slice(4, 8)).size, 4)
  })

  it('says of a lost position that it is lost, and reads the other partitions on', async () => {
    const topic = await newTopic(2)
    await produce(server, [{ topic, partition: 1, value: Buffer.from('x') }])
    const positions = [
      { topic, partition: 0, offset: 1_000n },
      { topic, partition: 1, offset: 0n },
    ]
    const pages: Page[] = []
    // A topic this young may have one leader before the other.
    while (new Set(pages.map((page) => page.partition)).size < 2)
      pages.push(...(await log.fetch(positions, fetchOptions)))
    const lost = pages.find((page) => page.partition === 0)
    assert.ok(lost?.error instanceof OffsetLostError)
    assert.deepEqual(
      [lost.error.topic, lost.error.partition, lost.error.offset],
      [topic, 0, 1_000n],
    )
    assert.equal(pages.find((page) => page.partition === 1)?.records.length, 1)
  })

  it('says of an unknown topic that it is unavailable, and reads the others on', async () => {
    const topic = await newTopic()
    await produce(server, [{ topic, partition: 0, value: Buffer.from('x') }])
    const pages = await log.fetch(
      [
        { topic: 'nowhere', partition: 0, offset: 0n },
        { topic, partition: 0, offset: 0n },
      ],
      fetchOptions,
    )
    const error = pages.find((page) => page.topic === 'nowhere')?.error
    assert.ok(error instanceof BrokerError)
    assert.deepEqual([error.kind, error.topic], ['topic-unavailable', 'nowhere'])
    assert.deepEqual(values(pages.flatMap((page) => page.records)), ['x'])
  })

  it('says of a topic that was deleted and made anew that the position is lost', async () => {
    const topic = await newTopic()
    await produce(server, [{ topic, partition: 0, value: Buffer.from('old') }])
    const position = { topic, partition: 0, offset: 0n }
    const [old] = await log.fetch([position], fetchOptions)
    assert.deepEqual(values(old?.records ?? []), ['old'])
    await deleteTopic(topic)
    await createTopic(server, topic)
    await produce(server, [{ topic, partition: 0, value: Buffer.from('new') }])
    let found = await log.fetch([position], fetchOptions)
    while (found[0]?.error instanceof BrokerError) found = await log.fetch([position], fetchOptions)
    assert.ok(found[0]?.error instanceof OffsetLostError)
    const [fresh] = await log.fetch([position], fetchOptions)
    assert.deepEqual(values(fresh?.records ?? []), ['new'])
  })
})

const isUnknown = (error: unknown): boolean =>
  error instanceof BrokerError && error.kind === 'topic-unavailable' && error.topic === 'nowhere'

describe('offsets', () => {
  it('are the first, the next to come, or the first at or after a time', async () => {
    const topic = await newTopic()
    const at = Date.now() - 10_000
    const messages = [0, 1_000, 2_000].map((later) => ({
      topic,
      partition: 0,
      value: Buffer.from('x'),
      timestamp: BigInt(at + later),
    }))
    for (const message of messages) await produce(server, [message])
    const partitions = await log.partitions([topic])
    const offset = async (when: 'earliest' | 'latest' | Date): Promise<bigint | undefined> =>
      (await log.offsets(partitions, when))[0]?.offset
    assert.equal(await offset('earliest'), 0n)
    assert.equal(await offset('latest'), 3n)
    assert.equal(await offset(new Date(at - 5)), 0n)
    assert.equal(await offset(new Date(at + 1_000)), 1n)
    assert.equal(await offset(new Date(at + 1_001)), 2n)
    assert.equal(await offset(new Date(at + 60_000)), 3n)
  })

  it('end where the first open transaction begins', async () => {
    const topic = await newTopic()
    await using open = new TransactionalProducer(server)
    await open.send(topic, ['x'])
    assert.equal((await log.offsets(await log.partitions([topic]), 'latest'))[0]?.offset, 0n)
    await open.abort()
    assert.equal((await log.offsets(await log.partitions([topic]), 'latest'))[0]?.offset, 2n)
  })

  it('and partitions of an unknown topic fail with its name', async () => {
    const topic = await newTopic(3)
    assert.equal((await log.partitions([topic])).length, 3)
    await assert.rejects(log.partitions([topic, 'nowhere']), isUnknown)
    await assert.rejects(log.offsets([{ topic: 'nowhere', partition: 0 }], 'latest'), isUnknown)
  })
})

describe('a closed client', () => {
  it('refuses what is asked of it, and closes twice', async () => {
    const closed = await openLog(server)
    const topic = await newTopic()
    const positions = await closed.offsets(await closed.partitions([topic]), 'earliest')
    await closed.close()
    await closed.close()
    await assert.rejects(closed.fetch(positions, fetchOptions), { code: 'ONCOMMIT_STOPPED' })
    assert.deepEqual(advance(positions, []), positions)
  })
})

describe('while the broker is away', () => {
  it('a fetch says so after its wait, and when the broker is back reads on where it was', async () => {
    await using own = await startKafka()
    await using reader = await openLog(own)
    const at = { topic: 'outage', partition: 0 }
    await createTopic(own, 'outage')
    await produce(own, [{ ...at, value: Buffer.from('before') }])
    const [page] = await reader.fetch([{ ...at, offset: 0n }], fetchOptions)
    assert.deepEqual(values(page?.records ?? []), ['before'])
    await own.kill()
    const position = { ...at, offset: page?.nextOffset ?? 0n }
    const began = performance.now()
    await assert.rejects(reader.fetch([position], { ...fetchOptions, maxWaitMs: 300 }), {
      name: 'BrokerError',
      kind: 'away',
    })
    assert.ok(performance.now() - began < 2_000)
    await assert.rejects(reader.offsets([at], 'latest'), { kind: 'away' })
    await own.restart()
    await produce(own, [{ ...at, value: Buffer.from('after') }])
    assert.deepEqual(values(await readWhenBack(reader, position)), ['after'])
  })

  it('a fetch from one that hangs says so when its time is up', async () => {
    await using own = await startKafka()
    await using reader = await openLog(own, { requestTimeout: 1_000 })
    const at = { topic: 'hang', partition: 0, offset: 0n }
    await createTopic(own, 'hang')
    await reader.fetch([at], { ...fetchOptions, maxWaitMs: 10 })
    await own.freeze()
    await assert.rejects(reader.fetch([at], { ...fetchOptions, maxWaitMs: 100 }), { kind: 'away' })
    await own.thaw()
    await produce(own, [{ topic: 'hang', partition: 0, value: Buffer.from('x') }])
    assert.deepEqual(values(await readWhenBack(reader, at)), ['x'])
  })
})

async function readWhenBack(reader: LogClient, position: Position): Promise<readonly LogRecord[]> {
  for (;;) {
    try {
      const pages = await reader.fetch([position], fetchOptions)
      if (pages.some((page) => page.records.length > 0))
        return pages.flatMap((page) => page.records)
    } catch (error) {
      assert.equal((error as BrokerError).kind, 'away')
    }
  }
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Broker, Publisher, TopicRecord } from '../../core/broker.ts'
import type { Clock } from '../../core/clock.ts'
import { BrokerError, OffsetLostError, OptionError } from '../../core/errors.ts'
import type { LogClient, Page } from '../../core/log.ts'
import { partitionOf } from '../../core/murmur2.ts'
import { local, type LocalBroker, type LocalOptions } from './index.ts'

const signal = new AbortController().signal

function record(topic: string, text: string, key: string | null = text): TopicRecord {
  const keyBytes = key === null ? null : Buffer.from(key)
  return { topic, key: keyBytes, value: Buffer.from(text), headers: [] }
}

async function open(
  broker: Broker,
  onAway: (error: BrokerError | null) => void = () => {},
): Promise<Publisher> {
  const relayId = crypto.randomUUID()
  return broker.openPublisher({ outbox: 'test', relayId, signal, onAway })
}

async function publish(broker: Broker, records: readonly TopicRecord[]): Promise<void> {
  const publisher = await open(broker)
  const batch = { number: 1, ids: [[1n, BigInt(records.length)]] as const, records }
  const result = await publisher.append(batch, () => {})
  assert.equal(result.state, 'appended')
  if (result.state === 'appended') await result.commit()
}

async function readAll(broker: Broker, topic: string): Promise<readonly Page[]> {
  const client = await broker.openLog({ clientId: 'test' })
  const from = await client.offsets(await client.partitions([topic]), 'earliest')
  return fetchNow(client, from)
}

async function fetchNow(
  client: LogClient,
  from: Parameters<LogClient['fetch']>[0],
): Promise<readonly Page[]> {
  const limits = { maxBytes: 1e9, maxPartitionBytes: 1e9, maxWaitMs: 0, signal }
  return client.fetch(from, limits)
}

function texts(pages: readonly Page[]): readonly string[] {
  return pages.flatMap((page) => page.records.map((one) => String(one.value)))
}

function isKind(kind: BrokerError['kind']): (error: unknown) => boolean {
  return (error) => error instanceof BrokerError && error.kind === kind
}

describe('local options', () => {
  it('names the option, what it got and what it takes', () => {
    const wrong: readonly (readonly [string, LocalOptions])[] = [
      ['local.partitions', { partitions: 0 }],
      ['local.retainRecords', { retainRecords: 1.5 }],
      ['local.file', { file: '' }],
      ['local.guarantee', { guarantee: 'never' as 'at-least-once' }],
      ['local.maxRecordBytes', { maxRecordBytes: 1 }],
      ['local.synchronous', { synchronous: 'off' as 'full' }],
      ['local.clock', { clock: {} as Clock }],
      ['local.autoCreateTopics', { autoCreateTopics: 1 as unknown as boolean }],
      ['local.fyle', { fyle: 'x' } as LocalOptions],
    ]
    for (const [option, options] of wrong)
      assert.throws(
        () => local(options),
        (error) => error instanceof OptionError && error.option === option,
      )
  })

  it('states what it promises', () => {
    assert.deepEqual(local().capabilities, {
      guarantee: 'exactly-once',
      fence: true,
      awaitsRevocation: true,
    })
    assert.deepEqual(local({ guarantee: 'at-least-once' }).capabilities, {
      guarantee: 'at-least-once',
      fence: false,
      awaitsRevocation: true,
    })
  })
})

describe('local topics', () => {
  it('are made on their first use, with four partitions', async () => {
    const client = await local().openLog({ clientId: 'test' })
    assert.equal((await client.partitions(['orders'])).length, 4)
  })

  it('have the names that Kafka takes', async () => {
    const broker = local()
    assert.equal(broker.topicProblem('a.b-c_D9'), null)
    for (const name of ['', '.', '..', 'a b', 'é', 'x'.repeat(250), 'a/b'])
      assert.equal(typeof broker.topicProblem(name), 'string', name)
    await assert.rejects(broker.createTopic('a b'), OptionError)
    await assert.rejects(broker.probe('a b', signal), isKind('topic-unavailable'))
  })

  it('made for a group that waits for them are shared at once', async () => {
    const broker = local({ autoCreateTopics: false })
    const client = await broker.openLog({ clientId: 'test' })
    const assigned = Promise.withResolvers<number>()
    await client.join({
      group: 'g',
      topics: ['later'],
      sessionTimeoutMs: 30_000,
      onAssigned: (partitions) => {
        if (partitions.length > 0) assigned.resolve(partitions.length)
      },
      onRevoking: async () => {},
      onLost: () => {},
      onAway: () => {},
    })
    await broker.createTopic('later', 2)
    assert.equal(await assigned.promise, 2)
    await client.close()
  })
})

describe('local records', () => {
  it("go to the partition of their key that Java's client chooses", async () => {
    const broker = local({ partitions: 5 })
    const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`)
    await publish(
      broker,
      keys.map((key) => record('t', key)),
    )
    for (const page of await readAll(broker, 't'))
      for (const text of texts([page]))
        assert.equal(partitionOf(Buffer.from(text), 5), page.partition)
  })

  it('without a key are spread evenly', async () => {
    const broker = local()
    await publish(
      broker,
      Array.from({ length: 40 }, (_, index) => record('t', `${index}`, null)),
    )
    assert.deepEqual(
      (await readAll(broker, 't')).map((page) => page.records.length),
      [10, 10, 10, 10],
    )
  })

  it('are forgotten beyond the number that is kept, and a reader that needs them is told', async () => {
    const broker = local({ partitions: 1, retainRecords: 3 })
    for (const from of [0, 4])
      await publish(
        broker,
        [0, 1, 2, 3].map((index) => record('t', `${from + index}`)),
      )
    assert.deepEqual(texts(await readAll(broker, 't')), ['5', '6', '7'])
    const client = await broker.openLog({ clientId: 'test' })
    const [page] = await fetchNow(client, [{ topic: 't', partition: 0, offset: 4n }])
    assert.ok(page?.error instanceof OffsetLostError && page.error.offset === 4n)
  })

  it('have the time at which they were published', async () => {
    let now = 1_000
    const held: Clock = { now: () => now, monotonic: () => now, sleep: () => Promise.resolve() }
    const broker = local({ clock: held, partitions: 1 })
    await publish(broker, [record('t', 'a')])
    now = 2_000
    await publish(broker, [record('t', 'b')])
    const [page] = await readAll(broker, 't')
    assert.deepEqual(
      page?.records.map((one) => one.timestamp),
      [1_000, 2_000],
    )
  })

  it('are read in turn from all partitions when bytes are short', async () => {
    const broker = local({ partitions: 3 })
    await publish(
      broker,
      Array.from({ length: 30 }, (_, index) => record('t', `${index}`, null)),
    )
    const client = await broker.openLog({ clientId: 'test' })
    const from = await client.offsets(await client.partitions(['t']), 'earliest')
    const seen = new Set<number>()
    for (let fetches = 0; fetches < 3; fetches++) {
      const limits = { maxBytes: 1, maxPartitionBytes: 1, maxWaitMs: 0, signal }
      for (const page of await client.fetch(from, limits))
        if (page.records.length > 0) seen.add(page.partition)
    }
    assert.equal(seen.size, 3)
  })

  it('in memory outlive the bus that closes the broker', async () => {
    const broker = local()
    await publish(broker, [record('t', 'kept')])
    await broker.close()
    assert.deepEqual(texts(await readAll(broker, 't')), ['kept'])
  })
})

describe('local faults', () => {
  it('away: a publisher waits and says so, everything else rejects', async () => {
    const broker = local()
    const client = await broker.openLog({ clientId: 'test' })
    const said: (string | null)[] = []
    const away = Promise.withResolvers<void>()
    const publisher = await open(broker, (error) => {
      said.push(error?.kind ?? null)
      away.resolve()
    })
    broker.away()
    const batch = { number: 1, ids: [[1n, 1n]] as const, records: [record('t', 'a')] }
    const appending = publisher.append(batch, () => {})
    await away.promise
    await assert.rejects(open(broker), isKind('away'))
    await assert.rejects(broker.probe('t', signal), isKind('away'))
    await assert.rejects(broker.fence('x', signal), isKind('away'))
    await assert.rejects(client.partitions(['t']), isKind('away'))
    await assert.rejects(fetchNow(client, []), isKind('away'))
    broker.away(false)
    const result = await appending
    if (result.state === 'appended') await result.commit()
    assert.deepEqual(said, ['away', null])
    assert.deepEqual(texts(await readAll(broker, 't')), ['a'])
  })

  it('away: an append ends when its relay gives up', async () => {
    const broker = local()
    const giving = new AbortController()
    const relay = { outbox: 'test', relayId: 'r', signal: giving.signal, onAway: () => {} }
    const publisher = await broker.openPublisher(relay)
    broker.away()
    const appending = publisher.append({ number: 1, ids: [], records: [] }, () => {})
    giving.abort()
    await assert.rejects(appending, isKind('away'))
  })

  it('away: a waiting fetch is told', async () => {
    const broker = local()
    const client = await broker.openLog({ clientId: 'test' })
    const from = await client.offsets(await client.partitions(['t']), 'latest')
    const limits = { maxBytes: 1e6, maxPartitionBytes: 1e6, maxWaitMs: 60_000, signal }
    const waiting = client.fetch(from, limits)
    broker.away()
    await assert.rejects(waiting, isKind('away'))
  })

  it('refuse: names each record that is refused, and publishes nothing of the batch', async () => {
    const broker = local()
    broker.refuse((one) => String(one.value).startsWith('bad'))
    const publisher = await open(broker)
    const records = ['a', 'bad1', 'b', 'bad2'].map((text) => record('t', text))
    const result = await publisher.append({ number: 1, ids: [[1n, 4n]], records }, () => {})
    assert.equal(result.state, 'refused')
    if (result.state !== 'refused') return
    assert.deepEqual(
      result.refusals.map(({ indexes, error }) => [indexes, error.kind]),
      [
        [[1], 'event-refused'],
        [[3], 'event-refused'],
      ],
    )
    assert.deepEqual(result.written, [])
    assert.deepEqual(texts(await readAll(broker, 't')), [])
    broker.refuse(null)
    await publish(broker, records)
    assert.equal(texts(await readAll(broker, 't')).length, 4)
  })

  it('refuse: without transactions the topics without a refused record are written', async () => {
    const broker = local({ guarantee: 'at-least-once' })
    broker.refuse((one) => String(one.value) === 'bad')
    const publisher = await open(broker)
    const records = [record('t', 'a'), record('u', 'b'), record('t', 'bad'), record('u', 'c')]
    const result = await publisher.append({ number: 1, ids: [[1n, 4n]], records }, () => {})
    assert.equal(result.state, 'refused')
    if (result.state !== 'refused') return
    assert.deepEqual(result.written, [1, 3])
    assert.ok(result.acks.every(([topic]) => topic === 'u'))
    assert.deepEqual(texts(await readAll(broker, 't')), [])
    assert.deepEqual([...texts(await readAll(broker, 'u'))].toSorted(), ['b', 'c'])
  })

  it('unavailable: one topic, for publishers, probes and readers, until it is back', async () => {
    const broker = local({ partitions: 1 })
    await publish(broker, [record('t', 'a'), record('u', 'b')])
    const client = await broker.openLog({ clientId: 'test' })
    broker.unavailable('t')
    const publisher = await open(broker)
    const records = [record('u', 'x'), record('t', 'y'), record('t', 'z')]
    const result = await publisher.append({ number: 1, ids: [[1n, 3n]], records }, () => {})
    assert.deepEqual(result.state === 'refused' && result.refusals.map(({ indexes }) => indexes), [
      [1, 2],
    ])
    await assert.rejects(broker.probe('t', signal), isKind('topic-unavailable'))
    await assert.rejects(client.partitions(['t']), isKind('topic-unavailable'))
    const pages = await fetchNow(client, [
      { topic: 't', partition: 0, offset: 0n },
      { topic: 'u', partition: 0, offset: 0n },
    ])
    assert.deepEqual(
      pages.map(({ error }) => (error instanceof BrokerError ? error.kind : error)),
      ['topic-unavailable', null],
    )
    assert.deepEqual(texts(pages), ['b'])
    broker.unavailable('t', false)
    await broker.probe('t', signal)
  })

  it('ackLost: the batch is there, its publisher is told that nobody knows and is over', async () => {
    const broker = local({ partitions: 1 })
    broker.ackLost()
    const publisher = await open(broker)
    const batch = { number: 7, ids: [[3n, 3n]] as const, records: [record('t', 'a')] }
    const result = await publisher.append(batch, () => {})
    assert.equal(result.state, 'appended')
    if (result.state === 'appended') await assert.rejects(result.commit(), isKind('unknown'))
    assert.deepEqual(texts(await readAll(broker, 't')), ['a'])
    await assert.rejects(
      publisher.append({ ...batch, number: 8 }, () => {}),
      isKind('unknown'),
    )
    const [given] = await broker.fence(publisher.fence, signal)
    assert.deepEqual([given?.number, given?.ids], [7, [[3n, 3n]]])
  })

  it('ackLost: without transactions the append itself is written and rejects', async () => {
    const broker: LocalBroker = local({ guarantee: 'at-least-once' })
    broker.ackLost()
    const publisher = await open(broker)
    const batch = { number: 1, ids: [[1n, 1n]] as const, records: [record('t', 'a')] }
    await assert.rejects(
      publisher.append(batch, () => {}),
      isKind('unknown'),
    )
    assert.deepEqual(texts(await readAll(broker, 't')), ['a'])
  })

  it('slow: requests take the time that the clock says', async () => {
    const slept: number[] = []
    const held: Clock = {
      now: () => 0,
      monotonic: () => 0,
      sleep: (ms) => {
        slept.push(ms)
        return Promise.resolve()
      },
    }
    const broker = local({ clock: held })
    broker.slow(250)
    await broker.probe('t', signal)
    assert.deepEqual(slept, [250])
    assert.throws(() => broker.slow(-1), OptionError)
  })
})

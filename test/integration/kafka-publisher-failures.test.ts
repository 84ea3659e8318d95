import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { kafka, type KafkaOptions } from '../../src/brokers/kafka/index.ts'
import type { Broker, PublishBatch, Publisher } from '../../src/core/broker.ts'
import { BrokerError } from '../../src/core/errors.ts'
import { type KafkaServer, createTopic, readTopic, startKafka } from '../servers/index.ts'
import { API, Proxy } from './kafka/proxy.ts'

const never = new AbortController().signal
const GUARANTEES = ['exactly-once', 'at-least-once'] as const

type OnAway = (error: BrokerError | null) => void

const open = (broker: Broker, onAway: OnAway = () => {}): Promise<Publisher> =>
  broker.openPublisher({ outbox: 'failing', relayId: randomUUID(), signal: never, onAway })

function batchOf(number: number, topic: string, values: readonly string[]): PublishBatch {
  return {
    number,
    ids: [[BigInt(number), BigInt(number)]],
    records: values.map((value) => ({
      topic,
      key: Buffer.from('key'),
      value: Buffer.from(value),
      headers: [],
    })),
  }
}

async function append(publisher: Publisher, batch: PublishBatch) {
  const result = await publisher.append(batch, () => {})
  assert.equal(result.state, 'appended')
  return result
}

async function publish(publisher: Publisher, batch: PublishBatch): Promise<void> {
  await (await append(publisher, batch)).commit()
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const start = performance.now()
  await work
  assert.ok(performance.now() - start < ms, `took ${performance.now() - start} ms`)
}

/** A broker that wakes up has to become the coordinator again: what is away is asked for again. */
async function whenBack<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof BrokerError) || error.kind !== 'away') throw error
    }
  }
}

describe('a kafka that is not there', () => {
  for (const guarantee of GUARANTEES)
    it(`is away, told in time: ${guarantee}`, async () => {
      const broker = kafka({ brokers: ['127.0.0.1:1'], guarantee, publishTimeoutMs: 500 })
      await within(2_000, assert.rejects(open(broker), { kind: 'away', message: /ECONNREFUSED/ }))
      await within(2_000, assert.rejects(broker.probe('t', never), { kind: 'away' }))
      if (broker.capabilities.fence)
        await within(4_000, assert.rejects(broker.fence('oncommit.a.b', never), { kind: 'away' }))
      const giveUp = AbortSignal.timeout(50)
      await within(500, assert.rejects(broker.probe('t', giveUp), { kind: 'away' }))
      await broker.close()
    })
})

describe('a kafka of which some brokers are not there', () => {
  for (const guarantee of GUARANTEES)
    it(`is found through the others: ${guarantee}`, async () => {
      await using server = await startKafka()
      const topic = `s-${randomUUID()}`
      await createTopic(server, topic)
      const brokers = ['127.0.0.1:1', server.address, '127.0.0.1:2']
      const broker = kafka({ brokers, guarantee })
      for (let number = 1; number <= 3; number++) {
        const publisher = await open(broker)
        await publish(publisher, batchOf(1, topic, [`${number}`]))
        await publisher.close()
      }
      assert.equal((await readTopic(server, topic)).length, 3)
      await broker.close()
    })
})

describe('a kafka that fails while a publisher uses it', () => {
  let server: KafkaServer
  let topic: string

  before(async () => {
    server = await startKafka()
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
  })

  const use = async (options: Partial<KafkaOptions>): Promise<Broker> => {
    topic = `x-${randomUUID()}`
    await createTopic(server, topic)
    return kafka({ brokers: [server.address], publishTimeoutMs: 1_000, ...options })
  }
  const values = async (atLeast = 0): Promise<(string | undefined)[]> =>
    (await readTopic(server, topic, { atLeast })).map(({ value }) => value?.toString())

  /** A server that stayed frozen would take all tests after it along. */
  const frozen = async (work: () => Promise<void>): Promise<void> => {
    await server.freeze()
    try {
      await work()
    } finally {
      await server.thaw()
    }
  }

  it('hangs: an exactly-once append and commit reject in time, and the fence settles what they did', async () => {
    const broker = await use({})
    const publisher = await open(broker)
    await publish(publisher, batchOf(1, topic, ['1']))
    const second = await append(publisher, batchOf(2, topic, ['2']))
    await server.freeze()
    await within(
      3_000,
      Promise.all([
        assert.rejects(
          publisher.append(batchOf(3, topic, ['3']), () => {}),
          { kind: 'away' },
        ),
        assert.rejects(second.commit(), { kind: 'away' }),
      ]),
    )
    await assert.rejects(
      publisher.append(batchOf(4, topic, ['4']), () => {}),
      { kind: 'away' },
    )
    await server.thaw()
    const told = (await whenBack(() => broker.fence(publisher.fence, never))).map(
      ({ number }) => number,
    )
    const visible = await values()
    assert.deepEqual(visible, told.map(String))
    assert.ok(told.includes(1))
    const successor = await whenBack(() => open(broker))
    await publish(successor, batchOf(1, topic, ['after']))
    assert.deepEqual(await values(), [...visible, 'after'])
    await Promise.all([publisher.close(), successor.close(), broker.close()])
  })

  it('hangs: an at-least-once append says so, waits, and is written once', async () => {
    const broker = await use({ guarantee: 'at-least-once' })
    const told: (string | null)[] = []
    const away = Promise.withResolvers<void>()
    const publisher = await open(broker, (error) => {
      told.push(error?.kind ?? null)
      away.resolve()
    })
    await publish(publisher, batchOf(1, topic, ['1']))
    let second: Promise<void> | undefined
    await frozen(async () => {
      second = publish(publisher, batchOf(2, topic, ['2a', '2b']))
      await away.promise
    })
    await second
    await publish(publisher, batchOf(3, topic, ['3']))
    assert.deepEqual(told, ['away', null])
    assert.deepEqual(await values(), ['1', '2a', '2b', '3'])
    await Promise.all([publisher.close(), broker.close()])
  })

  it('dies: an at-least-once append goes on when it is back, and is written once', async () => {
    const broker = await use({ guarantee: 'at-least-once' })
    const away = Promise.withResolvers<BrokerError | null>()
    const publisher = await open(broker, away.resolve)
    await publish(publisher, batchOf(1, topic, ['1']))
    await server.kill()
    const second = publish(publisher, batchOf(2, topic, ['2']))
    assert.equal((await away.promise)?.kind, 'away')
    await server.restart()
    await second
    assert.deepEqual(await values(), ['1', '2'])
    await Promise.all([publisher.close(), broker.close()])
  })

  it('dies: close ends an at-least-once append that waits', async () => {
    const broker = await use({ guarantee: 'at-least-once' })
    const away = Promise.withResolvers<unknown>()
    const publisher = await open(broker, away.resolve)
    await server.kill()
    const waiting = assert.rejects(publish(publisher, batchOf(1, topic, ['1'])), { kind: 'away' })
    await away.promise
    await publisher.close()
    await within(1_000, waiting)
    await server.restart()
    await broker.close()
  })

  it('dies with a transaction open: what was appended never becomes visible', async () => {
    const broker = await use({})
    const publisher = await open(broker)
    const first = await append(publisher, batchOf(1, topic, ['1']))
    await server.kill()
    await assert.rejects(first.commit(), { kind: 'away' })
    await server.restart()
    assert.deepEqual(await broker.fence(publisher.fence, never), [])
    assert.deepEqual(await values(), [])
    await Promise.all([publisher.close(), broker.close()])
  })

  it('restarts: an exactly-once publisher that may wait as long as that goes on', async () => {
    const broker = await use({ publishTimeoutMs: 20_000, transactionTimeoutMs: 60_000 })
    const publisher = await open(broker)
    await publish(publisher, batchOf(1, topic, ['1']))
    const second = await append(publisher, batchOf(2, topic, ['2']))
    await server.stop()
    const third = append(publisher, batchOf(3, topic, ['3']))
    await server.restart()
    await second.commit()
    await (await third).commit()
    await publish(publisher, batchOf(4, topic, ['4']))
    assert.deepEqual(await values(), ['1', '2', '3', '4'])
    assert.deepEqual(
      (await broker.fence(publisher.fence, never)).map(({ number }) => number),
      [3, 4],
    )
    await Promise.all([publisher.close(), broker.close()])
  })

  it('loses a topic: its records are refused, and the others’ are not lost', async () => {
    for (const guarantee of GUARANTEES) {
      const broker = await use({ guarantee, publishTimeoutMs: 5_000 })
      const publisher = await open(broker)
      const gone = topic
      await publish(publisher, batchOf(1, gone, ['1']))
      await deleteTopic(server, gone)
      const result = await publisher.append(batchOf(2, gone, ['2']), () => {})
      assert.equal(result.state, 'refused')
      assert.ok('refusals' in result)
      assert.equal(result.refusals[0]?.error.kind, 'topic-unavailable')
      assert.equal(result.refusals[0]?.error.topic, gone)
      await use({})
      await publish(publisher, batchOf(3, topic, ['3']))
      assert.deepEqual(await values(), ['3'])
      await Promise.all([publisher.close(), broker.close()])
    }
  })
})

describe('a network that loses and delays', () => {
  let proxy: Proxy
  let server: KafkaServer
  let topic: string

  before(async () => {
    proxy = await Proxy.listen()
    const advertised = `PLAINTEXT://127.0.0.1:${proxy.port}`
    server = await startKafka({ properties: { 'advertised.listeners': advertised } })
    proxy.forwardTo(server.port)
  })
  after(async () => {
    await proxy[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  const use = async (guarantee: KafkaOptions['guarantee'] = 'exactly-once'): Promise<Broker> => {
    topic = `n-${randomUUID()}`
    await createTopic(server, topic)
    return kafka({ brokers: [`127.0.0.1:${proxy.port}`], guarantee })
  }
  const values = async (): Promise<(string | undefined)[]> =>
    (await readTopic(server, topic)).map(({ value }) => value?.toString())

  const { produce, addPartitions, endTransaction } = API
  for (const [request, apiKey] of Object.entries({ produce, addPartitions, endTransaction }))
    it(`an answer to ${request} is lost: the batch is published once, and the next ones too`, async () => {
      const broker = await use()
      const publisher = await open(broker)
      await publish(publisher, batchOf(1, topic, ['1']))
      const lost = proxy.loseAnswerTo(apiKey)
      await publish(publisher, batchOf(2, topic, ['2']))
      await lost
      for (const number of [3, 4, 5, 6])
        await publish(publisher, batchOf(number, topic, [`${number}`]))
      assert.deepEqual(await values(), ['1', '2', '3', '4', '5', '6'])
      await Promise.all([publisher.close(), broker.close()])
    })

  it('an answer to InitProducerId is lost: the publisher opens, and still owns its place', async () => {
    const broker = await use()
    const lost = proxy.loseAnswerTo(API.initProducerId)
    const publisher = await open(broker)
    await lost
    for (const number of [1, 2, 3]) await publish(publisher, batchOf(number, topic, [`${number}`]))
    assert.deepEqual(await values(), ['1', '2', '3'])
    await Promise.all([publisher.close(), broker.close()])
  })

  it('an answer is lost twice, to the commit and to what follows it: still once', async () => {
    const broker = await use()
    const publisher = await open(broker)
    let lost = proxy.loseAnswerTo(API.endTransaction)
    const published = publish(publisher, batchOf(1, topic, ['1']))
    await lost
    // When it has asked again, it asks for a new epoch, as the holder that it is.
    lost = proxy.loseAnswerTo(API.initProducerId)
    await Promise.all([published, lost])
    await publish(publisher, batchOf(3, topic, ['3']))
    await publish(publisher, batchOf(5, topic, ['5']))
    assert.deepEqual(await values(), ['1', '3', '5'])
    await Promise.all([publisher.close(), broker.close()])
  })

  it('a commit that arrives late does not commit the batch after it', async () => {
    const broker = await use()
    const publisher = await open(broker)
    const held = proxy.hold(API.endTransaction)
    await publish(publisher, batchOf(1, topic, ['1']))
    await held
    const next = await append(publisher, batchOf(3, topic, ['3']))
    await proxy.release()
    await publish(publisher, batchOf(2, topic, ['2']))
    assert.deepEqual(await values(), ['1'])
    await next.abort()
    assert.deepEqual(await values(), ['1', '2'])
    await Promise.all([publisher.close(), broker.close()])
  })

  it('records that arrive late, when their transaction is over, are not written again', async () => {
    const broker = await use()
    const publisher = await open(broker)
    const held = proxy.hold(API.produce)
    await publish(publisher, batchOf(1, topic, ['1']))
    await held
    const next = await append(publisher, batchOf(3, topic, ['3']))
    await proxy.release()
    await next.commit()
    await publish(publisher, batchOf(5, topic, ['5']))
    assert.deepEqual(await values(), ['1', '3', '5'])
    await Promise.all([publisher.close(), broker.close()])
  })

  it('a publisher that was fenced in the meantime does not get its place back', async () => {
    const broker = await use()
    const publisher = await open(broker)
    const lost = proxy.loseAnswerTo(API.endTransaction)
    await publish(publisher, batchOf(1, topic, ['1']))
    await lost
    assert.equal((await broker.fence(publisher.fence, never)).length, 1)
    // Its next step asks for a new epoch: as the old holder, so that it is refused.
    await assert.rejects(
      publisher.append(batchOf(3, topic, ['3']), () => {}),
      { kind: 'fenced' },
    )
    assert.deepEqual(await values(), ['1'])
    await Promise.all([publisher.close(), broker.close()])
  })

  it('at least once: an answer is lost, or a request is late, and the records are there once', async () => {
    const broker = await use('at-least-once')
    const publisher = await open(broker)
    const lost = proxy.loseAnswerTo(API.produce)
    await publish(publisher, batchOf(1, topic, ['1']))
    await lost
    const held = proxy.hold(API.produce)
    await publish(publisher, batchOf(2, topic, ['2']))
    await held
    await publish(publisher, batchOf(3, topic, ['3']))
    await proxy.release()
    await publish(publisher, batchOf(4, topic, ['4']))
    assert.deepEqual(await values(), ['1', '2', '3', '4'])
    await Promise.all([publisher.close(), broker.close()])
  })
})

async function deleteTopic(server: KafkaServer, name: string): Promise<void> {
  const { kafkaTool } = await import('../servers/index.ts')
  const address = server.admin.address
  const { code, stderr } = await kafkaTool('topics', [
    '--bootstrap-server',
    address,
    '--delete',
    '--topic',
    name,
  ])
  assert.equal(code, 0, stderr)
}

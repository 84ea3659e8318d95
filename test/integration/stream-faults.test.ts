import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { EventBus } from '../../src/bus/event-bus.ts'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { type LocalBroker, local, type LocalOptions } from '../../src/brokers/local/index.ts'
import { OffsetLostError } from '../../src/core/errors.ts'
import { appUser, createTopic, grant, type KafkaServer, startKafka } from '../servers/index.ts'
import { eventually, Loop, MemoryLogger, numbers, take } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

const reconnecting = async (loop: Loop): Promise<void> =>
  eventually('it reconnects', () => loop.stream.health().state === 'reconnecting')

interface Opened extends AsyncDisposable {
  readonly broker: LocalBroker
  readonly bus: EventBus
  readonly logger: MemoryLogger
  readonly sender: Sender
}
async function open(options: LocalOptions = {}): Promise<Opened> {
  const broker = local({ partitions: 1, ...options })
  const logger = new MemoryLogger()
  const bus = new EventBus({ broker, logger })
  const sender = await Sender.open(broker)
  return { broker, bus, logger, sender, [Symbol.asyncDispose]: () => bus.close() }
}

describe('a stream on the local broker', () => {
  test('goes on where it was after an outage, which it reports once', async () => {
    await using at = await open()
    await at.sender.send('t', numbers(5))
    const loop = new Loop(at.bus.stream('t', { group: 'g', commitInterval: 10 }))
    await loop.handled(5)
    at.broker.away()
    await reconnecting(loop)
    const since = loop.stream.health().since.getTime()
    assert.ok(since <= Date.now() && since > Date.now() - 60_000)
    at.broker.away(false)
    await at.sender.send('t', numbers(5, 5))
    await loop.handled(10)
    await loop.running()
    await loop.end()
    assert.deepEqual(loop.got, numbers(10))
    assert.deepEqual([at.logger.at('error').length, at.logger.at('info').length], [1, 1])
  })

  test('that begins in an outage waits for its end', async () => {
    await using at = await open()
    await at.sender.send('t', numbers(2))
    at.broker.away()
    const loop = new Loop(at.bus.stream('t', { group: 'g' }))
    await reconnecting(loop)
    at.broker.away(false)
    await loop.handled(2)
    await loop.end()
  })

  test("commit 'message': an outage of the commit holds the next event back, and is over with it", async () => {
    await using at = await open()
    await at.sender.send('t', numbers(3))
    const loop = new Loop(at.bus.stream('t', { group: 'g', commit: 'message' }), (event) => {
      if (event.text() === '1') at.broker.away()
    })
    await reconnecting(loop)
    assert.deepEqual(loop.got, numbers(2))
    at.broker.away(false)
    await loop.handled(3)
    await loop.end()
  })

  for (const group of ['g', undefined]) {
    test(`closes in the middle of an outage, ${group === undefined ? 'without' : 'in'} a group`, async () => {
      await using at = await open()
      const loop = new Loop(
        at.bus.stream('t', group === undefined ? {} : { group, drainTimeout: 0 }),
      )
      await loop.running()
      at.broker.away()
      await reconnecting(loop)
      await loop.end()
      assert.deepEqual([loop.got, loop.stream.health().state], [[], 'stopped'])
      at.broker.away(false)
    })
  }

  test('of a position that retention has taken throws, and never jumps on by itself', async () => {
    await using at = await open({ retainRecords: 10 })
    await at.sender.send('t', numbers(5))
    assert.deepEqual(await take(at.bus.stream('t', { group: 'g' }), 2), numbers(2))
    await at.sender.send('t', numbers(20, 5))
    const loop = new Loop(at.bus.stream('t', { group: 'g' }))
    await assert.rejects(
      loop.ended,
      (error) => error instanceof OffsetLostError && error.offset === 2n,
    )
    assert.deepEqual(loop.got, [])
    const again = new Loop(at.bus.stream('t', { group: 'g' }))
    await assert.rejects(again.ended, OffsetLostError)
    const seeking = at.bus.stream('t', { group: 'g', from: 'earliest', seek: true })
    assert.deepEqual(await take(seeking, 10), numbers(10, 15))
  })

  test('of an offset that the topic has not reached throws', async () => {
    await using at = await open()
    await at.sender.send('t', numbers(2))
    const loop = new Loop(at.bus.stream('t', { group: 'g', from: { t: { 0: 50n } } }))
    await assert.rejects(loop.ended, OffsetLostError)
  })

  test('without a group reads the partitions of a topic that became readable again', async () => {
    await using at = await open()
    const loop = new Loop(at.bus.stream('t'))
    await loop.running()
    await at.sender.send('t', ['0'])
    await loop.handled(1)
    at.broker.unavailable('t')
    const isWarned = (): boolean => at.logger.at('warn').length > 0
    await eventually('there is a warning', isWarned)
    at.broker.unavailable('t', false)
    await at.sender.send('t', ['1'])
    await loop.handled(2)
    await loop.end()
    assert.deepEqual(loop.got, numbers(2))
  })
})

describe('a stream on Kafka', () => {
  let server: KafkaServer
  before(async () => {
    server = await startKafka({ authorizer: true })
  })
  after(async () => server[Symbol.asyncDispose]())
  const sasl = { mechanism: 'PLAIN', ...appUser } as const

  test('ends where a topic or the group is forbidden, and names it', async () => {
    await createTopic(server, 'secret')
    await createTopic(server, 'open')
    await grant(server, { resource: 'topic', name: 'open', operations: ['READ', 'DESCRIBE'] })
    await using bus = new EventBus({ broker: kafka({ brokers: [server.address], sasl }) })
    const rejected = { name: 'BrokerError', forbidden: true, topic: 'secret' }
    await assert.rejects(bus.stream('secret').next(), rejected)
    await assert.rejects(bus.stream(['open', 'secret'], { group: 'mine' }).next(), rejected)
    await assert.rejects(bus.stream('open', { group: 'mine' }).next(), {
      kind: 'misconfigured',
      message: /READ on the group/,
    })
    assert.deepEqual(bus.listSubscribers('open'), [])
  })

  test('whose broker is killed and comes back goes on, nothing lost and nothing twice', async () => {
    const topic = 'killed'
    await createTopic(server, topic, { partitions: 2 })
    const logger = new MemoryLogger()
    const broker = kafka({ brokers: [server.admin.address] })
    await using bus = new EventBus({ broker, logger })
    await using sender = await Sender.open(broker)
    await sender.send(topic, numbers(50), (text) => text)
    const loops = (['auto', 'message'] as const).map(
      (commit) => new Loop(bus.stream(topic, { group: commit, commit })),
    )
    for (const loop of loops) await loop.handled(50)
    await server.kill()
    for (const loop of loops) await reconnecting(loop)
    await server.restart()
    await sender.send(topic, numbers(50, 50), (text) => text)
    for (const loop of loops) await loop.handled(100)
    for (const loop of loops) await loop.running()
    for (const loop of loops) await loop.end()
    for (const { got } of loops) assert.deepEqual(got.toSorted(), numbers(100).toSorted())
    assert.equal(logger.at('error').length, 2, logger.lines.join('\n'))
  })

  test('closes while its broker is away', async () => {
    const topic = 'away'
    await createTopic(server, topic)
    const broker = kafka({ brokers: [server.admin.address] })
    const bus = new EventBus({ broker, logger: new MemoryLogger() })
    await using sender = await Sender.open(broker)
    await sender.send(topic, numbers(3))
    const loop = new Loop(bus.stream(topic, { group: topic, drainTimeout: 0 }))
    await loop.handled(3)
    await server.kill()
    await reconnecting(loop)
    const began = performance.now()
    await loop.end()
    assert.ok(performance.now() - began < 10_000)
    await server.restart()
  })
})

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { kafka, type KafkaOptions } from '../../src/brokers/kafka/index.ts'
import type { Broker, Publisher } from '../../src/core/broker.ts'
import {
  type Grant,
  type KafkaServer,
  appUser,
  createTopic,
  grant,
  readTopic,
  revoke,
  startKafka,
} from '../servers/index.ts'

const never = new AbortController().signal

const publish = async (publisher: Publisher, number: number, topics: readonly string[]) => {
  const records = topics.map((topic) => ({
    topic,
    key: Buffer.from('key'),
    value: Buffer.from(`${number}`),
    headers: [],
  }))
  const result = await publisher.append({ number, ids: [[1n, 1n]], records }, () => {})
  if (result.state === 'appended') await result.commit()
  return result
}

/** A broker learns of rights from the controller some time after they were given. */
async function untilWritable(broker: Broker, topic: string, wanted: boolean): Promise<void> {
  const writable = (): Promise<boolean> =>
    broker.probe(topic, never).then(
      () => true,
      () => false,
    )
  while ((await writable()) !== wanted);
}

describe('the rights of a kafka publisher', () => {
  let server: KafkaServer

  before(async () => {
    server = await startKafka({ authorizer: true })
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
  })

  const use = (options: Partial<KafkaOptions> = {}): Broker =>
    kafka({
      brokers: [server.address],
      sasl: { mechanism: 'PLAIN', ...appUser },
      publishTimeoutMs: 3_000,
      ...options,
    })
  const open = (broker: Broker): Promise<Publisher> =>
    broker.openPublisher({
      outbox: 'rights',
      relayId: randomUUID(),
      signal: never,
      onAway: () => {},
    })
  const markers: Grant = {
    resource: 'topic',
    name: '__oncommit_markers',
    operations: ['CREATE', 'READ', 'WRITE', 'DESCRIBE'],
  }
  const transactions: Grant = {
    resource: 'transactional_id',
    name: 'oncommit.',
    pattern: 'prefixed',
    operations: ['WRITE', 'DESCRIBE'],
  }

  it('to transactions missing: misconfigured, with the right to grant and the alternative', async () => {
    const broker = use()
    await assert.rejects(open(broker), {
      kind: 'misconfigured',
      message: /WRITE and DESCRIBE on TransactionalId 'oncommit\.'.*guarantee: 'at-least-once'/,
    })
    await assert.rejects(broker.fence('oncommit.rights.x', never), { kind: 'misconfigured' })
    await broker.close()
  })

  it('to the markers missing: misconfigured, before anything is published', async () => {
    await grant(server, transactions)
    const broker = use()
    await assert.rejects(open(broker), { kind: 'misconfigured', message: /__oncommit_markers/ })
    await grant(server, { ...markers, operations: ['CREATE', 'WRITE', 'DESCRIBE'] })
    await assert.rejects(open(broker), {
      kind: 'misconfigured',
      message: /READ.*__oncommit_markers/,
    })
    await broker.close()
  })

  for (const guarantee of ['exactly-once', 'at-least-once'] as const)
    it(`to a topic revoked and granted again: its records are refused and then taken: ${guarantee}`, async () => {
      await Promise.all([grant(server, transactions), grant(server, markers)])
      const [kept, lost] = [`kept-${randomUUID()}`, `lost-${randomUUID()}`]
      const rights: Grant[] = [kept, lost].map((name) => ({
        resource: 'topic',
        name,
        operations: ['WRITE', 'DESCRIBE'],
      }))
      const [ofKept, ofLost] = rights as [Grant, Grant]
      await createTopic(server, kept, { partitions: 2 })
      await createTopic(server, lost, { partitions: 2 })
      await Promise.all(rights.map((right) => grant(server, right)))
      const broker = use({ guarantee })
      const publisher = await open(broker)
      assert.equal((await publish(publisher, 1, [kept, lost])).state, 'appended')

      await revoke(server, { ...ofLost, operations: ['WRITE'] })
      await untilWritable(broker, lost, false)
      const result = await publish(publisher, 2, [kept, lost, kept])
      assert.ok(result.state === 'refused')
      assert.deepEqual(
        result.refusals.map(({ indexes, error }) => [indexes, error.kind, error.topic]),
        [[[1], 'topic-unavailable', lost]],
      )
      await assert.rejects(broker.probe(lost, never), { kind: 'topic-unavailable', topic: lost })
      await broker.probe(kept, never)
      if (result.written.length === 0)
        assert.equal((await publish(publisher, 3, [kept])).state, 'appended')

      await grant(server, ofLost)
      await untilWritable(broker, lost, true)
      assert.equal((await publish(publisher, 4, [lost])).state, 'appended')
      const valuesOf = async (topic: string): Promise<(string | undefined)[]> =>
        (await readTopic(server, topic)).map(({ value }) => value?.toString())
      assert.deepEqual(await valuesOf(lost), ['1', '4'])
      assert.deepEqual(
        await valuesOf(kept),
        result.written.length === 0 ? ['1', '3'] : ['1', '2', '2'],
      )
      await revoke(server, ofKept)
      await Promise.all([publisher.close(), broker.close()])
    })

  it('to all topics hidden: refused without a word of the others', async () => {
    await Promise.all([grant(server, transactions), grant(server, markers)])
    const hidden = `hidden-${randomUUID()}`
    await createTopic(server, hidden)
    const broker = use()
    const publisher = await open(broker)
    const result = await publish(publisher, 1, [hidden])
    assert.ok(result.state === 'refused')
    assert.equal(result.refusals[0]?.error.kind, 'topic-unavailable')
    await Promise.all([publisher.close(), broker.close()])
  })

  it('a wrong password is away: it is nobody’s event', async () => {
    const broker = use({ sasl: { mechanism: 'PLAIN', username: 'app', password: 'wrong' } })
    await assert.rejects(open(broker), { kind: 'away', message: /authentication/i })
    await broker.close()
  })
})

it('a kafka that can not make its topic of transactions is away, and says which settings to look at', async () => {
  await using server = await startKafka({
    properties: {
      'transaction.state.log.replication.factor': 3,
      'transaction.state.log.min.isr': 2,
    },
  })
  const broker = kafka({ brokers: [server.address], publishTimeoutMs: 1_500 })
  const relay = { outbox: 'a', relayId: 'b', signal: never, onAway: () => {} }
  await assert.rejects(broker.openPublisher(relay), {
    kind: 'away',
    message: /transaction\.state\.log\.replication\.factor.*min\.isr/,
  })
  await broker.close()
})

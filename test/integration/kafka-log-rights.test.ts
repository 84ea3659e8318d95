import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { openKafkaLog } from '../../src/brokers/kafka/log-client.ts'
import { BrokerError } from '../../src/core/errors.ts'
import type { JoinOptions, LogClient } from '../../src/core/log.ts'
import { appUser, createTopic, grant, type KafkaServer, startKafka } from '../servers/index.ts'
import { fetchOptions } from './kafka-log/reading.ts'

let server: KafkaServer
let log: LogClient

before(async () => {
  server = await startKafka({ authorizer: true })
  await createTopic(server, 'secret')
  await createTopic(server, 'open')
  await grant(server, { resource: 'topic', name: 'open', operations: ['READ', 'DESCRIBE'] })
  log = await openKafkaLog(
    {
      clientId: 'test',
      clientOptions: {
        bootstrapBrokers: [server.address],
        sasl: { mechanism: 'PLAIN', ...appUser },
      },
    },
    { clientId: 'rights' },
  )
})
after(async () => {
  await log.close()
  await server[Symbol.asyncDispose]()
})

const joining: JoinOptions = {
  group: 'forbidden',
  topics: ['open'],
  sessionTimeoutMs: 6_000,
  onAssigned: () => {},
  onRevoking: async () => {},
  onLost: () => {},
  onAway: () => {},
}

it('says of a forbidden topic that it is unavailable, and reads the others', async () => {
  await assert.rejects(log.partitions(['open', 'secret']), {
    kind: 'topic-unavailable',
    topic: 'secret',
  })
  const at = { partition: 0, offset: 0n }
  const pages = await log.fetch(
    [
      { ...at, topic: 'secret' },
      { ...at, topic: 'open' },
    ],
    { ...fetchOptions, maxWaitMs: 100 },
  )
  const error = pages.find((page) => page.topic === 'secret')?.error
  assert.ok(error instanceof BrokerError)
  assert.deepEqual([error.kind, error.topic], ['topic-unavailable', 'secret'])
  assert.equal(pages.find((page) => page.topic === 'open')?.error, null)
})

it('says so where a topic may be seen and not read', async () => {
  await createTopic(server, 'visible')
  await grant(server, { resource: 'topic', name: 'visible', operations: ['DESCRIBE'] })
  const [page] = await log.fetch([{ topic: 'visible', partition: 0, offset: 0n }], fetchOptions)
  assert.ok(page?.error instanceof BrokerError)
  assert.equal(page.error.kind, 'topic-unavailable')
})

it('refuses to join a group without the right to, and names it', async () => {
  await assert.rejects(log.join(joining), { kind: 'misconfigured', message: /READ on the group/ })
  await grant(server, { resource: 'group', name: 'forbidden', operations: ['READ'] })
  const membership = await log.join(joining)
  await membership.leave()
})

it('names the forbidden group or topic by the consumer group protocol, too', async () => {
  const consumers = await openKafkaLog(
    {
      clientId: 'test',
      clientOptions: {
        bootstrapBrokers: [server.address],
        sasl: { mechanism: 'PLAIN', ...appUser },
      },
    },
    { clientId: 'rights', groupProtocol: 'consumer' },
  )
  try {
    const group = 'forbidden-consumers'
    await assert.rejects(consumers.join({ ...joining, group }), {
      kind: 'misconfigured',
      message: /READ on the group/,
    })
    await grant(server, { resource: 'group', name: group, operations: ['READ'] })
    await assert.rejects(consumers.join({ ...joining, group, topics: ['open', 'secret'] }), {
      kind: 'topic-unavailable',
      topic: 'secret',
    })
    const membership = await consumers.join({ ...joining, group })
    await membership.leave()
  } finally {
    await consumers.close()
  }
})

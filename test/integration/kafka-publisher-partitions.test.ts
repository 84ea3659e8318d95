import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { it } from 'node:test'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { createTopic, readTopic, sharedKafka } from '../servers/index.ts'
import { javaCommand } from '../servers/kafka/tool.ts'

it('puts every key where Kafka’s own producer puts it', async () => {
  const server = await sharedKafka()
  const [theirs, ours] = [`theirs-${randomUUID()}`, `ours-${randomUUID()}`]
  await Promise.all([theirs, ours].map((topic) => createTopic(server, topic, { partitions: 7 })))
  const keys = Array.from({ length: 300 }, (_, at) => `${'ключ-key-'.slice(0, at % 10)}${at * at}`)

  const { java, args } = await javaCommand()
  const producer = spawn(
    java,
    [
      ...args,
      'org.apache.kafka.tools.ConsoleProducer',
      '--bootstrap-server',
      server.address,
      '--topic',
      theirs,
      '--property',
      'parse.key=true',
    ],
    { stdio: ['pipe', 'ignore', 'inherit'] },
  )
  producer.stdin.end(keys.map((key) => `${key}\t${key}\n`).join(''))
  await once(producer, 'exit')

  const broker = kafka({ brokers: [server.address], guarantee: 'at-least-once' })
  const publisher = await broker.openPublisher({
    outbox: 'o',
    relayId: 'r',
    signal: new AbortController().signal,
    onAway: () => {},
  })
  const records = keys.map((key) => ({
    topic: ours,
    key: Buffer.from(key),
    value: null,
    headers: [],
  }))
  const result = await publisher.append({ number: 1, ids: [[1n, 300n]], records }, () => {})
  assert.equal(result.state, 'appended')
  await Promise.all([publisher.close(), broker.close()])

  const [byJava, byUs] = await Promise.all(
    [theirs, ours].map(async (topic) => {
      const found = await readTopic(server, topic, { atLeast: keys.length })
      return found.map(({ key, partition }) => `${key?.toString()} ${partition}`).toSorted()
    }),
  )
  assert.deepEqual(byUs, byJava)
})

for (const compression of ['lz4', 'gzip', 'snappy', 'zstd'] as const)
  it(`compresses with ${compression} what Kafka’s own consumer reads`, async () => {
    const server = await sharedKafka()
    const topic = `c-${randomUUID()}`
    await createTopic(server, topic)
    const broker = kafka({ brokers: [server.address], compression })
    const publisher = await broker.openPublisher({
      outbox: 'o',
      relayId: randomUUID(),
      signal: new AbortController().signal,
      onAway: () => {},
    })
    const records = Array.from({ length: 100 }, (_, at) => ({
      topic,
      key: Buffer.from('key'),
      value: Buffer.from(`${at} ${'again and '.repeat(100)}`),
      headers: [['h', Buffer.from('v')]] as const,
    }))
    const result = await publisher.append({ number: 1, ids: [[1n, 100n]], records }, () => {})
    assert.ok(result.state === 'appended')
    await result.commit()
    assert.deepEqual(
      (await readTopic(server, topic, { atLeast: 100 })).map(({ value }) => value?.toString()),
      records.map(({ value }) => value.toString()),
    )
    await Promise.all([publisher.close(), broker.close()])
  })

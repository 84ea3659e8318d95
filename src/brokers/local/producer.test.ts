import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Producer, TopicRecord } from '../../core/broker.ts'
import { BrokerError, type BrokerFailure } from '../../core/errors.ts'
import { local, type LocalBroker } from './local-broker.ts'

interface Opened {
  readonly broker: LocalBroker
  readonly producer: Producer
  /** What `onAway` was told. */
  readonly told: (string | null)[]
}

async function open(): Promise<Opened> {
  const broker = local({ partitions: 1 })
  const told: (string | null)[] = []
  const producer = await broker.openProducer({
    clientId: 'test',
    signal: new AbortController().signal,
    onAway: (error) => told.push(error?.kind ?? null),
  })
  return { broker, producer, told }
}

function record(text: string): TopicRecord {
  return { topic: 't', key: Buffer.from('k'), value: Buffer.from(text), headers: [] }
}

async function texts(broker: LocalBroker): Promise<readonly string[]> {
  const log = await broker.openLog({ clientId: 'test' })
  const { signal } = new AbortController()
  const limits = { maxBytes: 1e6, maxPartitionBytes: 1e6, maxWaitMs: 0, signal }
  const [page] = await log.fetch([{ topic: 't', partition: 0, offset: 0n }], limits)
  await log.close()
  return page?.records.map(({ value }) => String(value)) ?? []
}

function ofKind(kind: BrokerFailure): (error: unknown) => boolean {
  return (error) => error instanceof BrokerError && error.kind === kind
}

describe('a producer of the local broker', () => {
  it('waits for a broker that is away, says so, and sends in the order of the calls', async () => {
    const { broker, producer, told } = await open()
    await producer.send(record('0'))
    broker.away()
    const waiting = ['1', '2', '3'].map(async (text) => producer.send(record(text)))
    while (told.length === 0) await Promise.resolve()
    assert.deepEqual(told, ['away'])
    broker.away(false)
    await Promise.all(waiting)
    assert.deepEqual(told, ['away', null])
    assert.deepEqual(await texts(broker), ['0', '1', '2', '3'])
  })

  it('rejects what waits for a broker that is away when it is closed, and writes none of it', async () => {
    const { broker, producer, told } = await open()
    await producer.send(record('0'))
    broker.away()
    const waiting = ['1', '2'].map(async (text) => {
      await assert.rejects(producer.send(record(text)), ofKind('away'))
    })
    while (told.length === 0) await Promise.resolve()
    waiting.push(assert.rejects(producer.send(record('3')), ofKind('away')))
    await producer.close()
    await Promise.all(waiting)
    broker.away(false)
    assert.deepEqual(await texts(broker), ['0'])
  })

  it('rejects the record that is refused, and no other', async () => {
    const { broker, producer } = await open()
    broker.refuse(({ value }) => String(value) === 'bad')
    await Promise.all([
      producer.send(record('0')),
      assert.rejects(producer.send(record('bad')), ofKind('event-refused')),
      producer.send(record('1')),
    ])
    assert.deepEqual(await texts(broker), ['0', '1'])
  })

  it('says that nobody knows where the acknowledgement is lost, and goes on', async () => {
    const { broker, producer } = await open()
    broker.ackLost()
    await assert.rejects(producer.send(record('0')), ofKind('unknown'))
    await producer.send(record('1'))
    assert.deepEqual(await texts(broker), ['0', '1'])
  })
})

import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { ReceivedEvent } from '../../src/consumer/received-event.ts'
import type { Broker } from '../../src/core/broker.ts'
import { plainCodec } from '../consumer/scripted-log.ts'
import { type Address, createTopic, sharedKafka } from '../servers/index.ts'
import { assertAsKafkaReads, produce, TransactionalProducer } from './kafka-log/reading.ts'
import { Loop, eventually, MemoryLogger } from './stream/reading.ts'

let server: Address
let broker: Broker
before(async () => {
  server = await sharedKafka()
  broker = kafka({ brokers: [server.address] })
})
after(() => broker.close())

type Write = (producer: TransactionalProducer, topic: string) => Promise<void>

/** What is in a topic; the relay is such a producer, and keeps its id when it is killed. */
const topics: Readonly<Record<string, Write>> = {
  'several aborted transactions of one producer in one fetch': async (producer, topic) => {
    for (let n = 0; n < 4; n++) {
      await producer.send(topic, [`aborted ${n}`])
      await producer.abort()
      if (n === 1) await producer.send(topic, ['committed between'])
      await producer.commit()
    }
    await producer.send(topic, ['committed'])
    await producer.commit()
  },
  'an aborted transaction whose marker is fetches away': async (producer, topic) => {
    await produce(server, [{ topic, partition: 0, value: Buffer.from('before') }])
    for (let n = 0; n < 5; n++) await producer.send(topic, [randomBytes(300_000)])
    await producer.abort()
    await producer.send(topic, ['after'])
    await producer.commit()
  },
  'an aborted transaction among records of others': async (producer, topic) => {
    for (let n = 0; n < 6; n++) {
      await producer.send(topic, [`aborted ${n}`])
      await produce(server, [{ topic, partition: 0, value: Buffer.from(`plain ${n}`) }])
    }
    await producer.abort()
  },
}

const asRecord = ({ partition, offset, key, payload, headers, publishedAt }: ReceivedEvent) => ({
  partition,
  offset,
  key: key === null ? null : Buffer.from(key),
  value: payload,
  headers,
  timestamp: publishedAt.getTime(),
})

describe('of transactions that were aborted not one record is delivered, as Kafka itself reads, and the lag reaches 0', () => {
  for (const [what, write] of Object.entries(topics)) {
    test(what, async () => {
      const topic = `transactions-${randomUUID().slice(0, 8)}`
      await createTopic(server, topic)
      await using producer = new TransactionalProducer(server)
      await write(producer, topic)
      const bus = new EventBus({ broker, codec: plainCodec, logger: new MemoryLogger() })
      const [streamed, consumed]: ReceivedEvent[][] = [[], []]
      const loop = new Loop(bus.stream(topic, { group: 'stream' }), (event) => {
        streamed?.push(event)
      })
      const consumer = bus.consume(topic, { group: 'consume' }, (event) => {
        consumed?.push(event)
      })
      await eventually('the lag of both is 0', () =>
        [loop.stream, consumer].every((one) => one.lag()[0]?.lag === 0n),
      )
      await loop.end()
      await consumer.stop()
      for (const events of [streamed, consumed])
        await assertAsKafkaReads(server, topic, (events ?? []).map(asRecord))
    })
  }
})

import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Admin } from '@platformatic/kafka'
import { kafka, type KafkaOptions } from '../../../src/brokers/kafka/index.ts'
import { type LocalBroker, local } from '../../../src/brokers/local/index.ts'
import type { Broker } from '../../../src/core/broker.ts'
import { createTopic, sharedKafka } from '../../servers/index.ts'
import { expelConsumers } from '../kafka/consumer-groups.ts'

/** A broker, as a test of streams needs it. Topics are there when they were made, never before. */
export interface Place extends AsyncDisposable {
  readonly broker: Broker
  createTopic(topic: string, partitions: number): Promise<void>
  /** Expels all members of a group without asking them. */
  expel(group: string): Promise<void>
  /** As short as the broker takes it. */
  readonly sessionTimeout: number
}

export const places: Readonly<Record<string, () => Promise<Place>>> = {
  'the local broker in memory': async () =>
    Promise.resolve(localPlace(local(closed), async () => {})),
  'the local broker in a file': async () => {
    const folder = await mkdtemp(join(tmpdir(), 'oncommit-stream-'))
    const broker = local({ ...closed, file: join(folder, 'log.db') })
    return localPlace(broker, async () => rm(folder, { recursive: true }))
  },
  Kafka: async () => kafkaPlace(),
}

/** The places above, and others where the same is promised of groups alone. */
export const groupPlaces: typeof places = {
  ...places,
  'Kafka with the consumer group protocol': async () => kafkaPlace({ groupProtocol: 'consumer' }),
}

const closed = { autoCreateTopics: false }

export function freshTopic(): string {
  return `stream-${randomUUID().slice(0, 8)}`
}

function localPlace(broker: LocalBroker, dispose: () => Promise<void>): Place {
  return {
    broker,
    createTopic: async (topic, partitions) => broker.createTopic(topic, partitions),
    expel: async (group) => broker.expel(group),
    sessionTimeout: 1_000,
    [Symbol.asyncDispose]: async () => {
      await broker.close()
      await dispose()
    },
  }
}

async function kafkaPlace(options: Omit<KafkaOptions, 'brokers'> = {}): Promise<Place> {
  const server = await sharedKafka()
  const broker = kafka({ brokers: [server.address], ...options })
  const admin = new Admin({ clientId: 'stream-test', bootstrapBrokers: [server.address] })
  return {
    broker,
    createTopic: async (topic, partitions) => createTopic(server, topic, { partitions }),
    expel: async (group) => {
      if (options.groupProtocol === 'consumer') await expelConsumers(server, group)
      else await admin.removeMembersFromConsumerGroup({ groupId: group, members: null })
    },
    sessionTimeout: 6_000,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([broker.close(), admin.close()])
    },
  }
}

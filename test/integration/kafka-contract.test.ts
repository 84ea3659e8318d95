import { Admin } from '@platformatic/kafka'
import { kafka, type KafkaOptions } from '../../src/brokers/kafka/index.ts'
import { type BrokerHarness, registerBrokerContract } from '../../src/testing/broker-contract.ts'
import { createTopic, sharedKafka } from '../servers/index.ts'
import { expelConsumers } from './kafka/consumer-groups.ts'

async function openHarness(options: Omit<KafkaOptions, 'brokers'> = {}): Promise<BrokerHarness> {
  const server = await sharedKafka()
  const open = (): ReturnType<typeof kafka> => kafka({ brokers: [server.address], ...options })
  const [broker, other] = [open(), open()]
  const admin = new Admin({ clientId: 'contract', bootstrapBrokers: [server.address] })
  return {
    broker,
    other,
    createTopic: async (topic, partitions) => createTopic(server, topic, { partitions }),
    unknownTopic: async () => Promise.resolve('contract-unknown'),
    refusedRecord: (topic) => ({
      topic,
      key: null,
      value: Buffer.alloc(2_000_000),
      headers: [],
    }),
    expel: async (group) => {
      if (options.groupProtocol === 'consumer') await expelConsumers(server, group)
      else await admin.removeMembersFromConsumerGroup({ groupId: group, members: null })
    },
    sessionTimeoutMs: 6_000,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([broker.close(), other.close(), admin.close()])
    },
  }
}

registerBrokerContract('Kafka', async () => openHarness())
registerBrokerContract('Kafka at least once', async () =>
  openHarness({ guarantee: 'at-least-once' }),
)
registerBrokerContract('Kafka with the consumer group protocol', async () =>
  openHarness({ groupProtocol: 'consumer' }),
)

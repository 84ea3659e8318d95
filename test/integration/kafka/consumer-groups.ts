import { loadKafka } from '../../../src/brokers/kafka/kafka-client.ts'
import { LogCluster } from '../../../src/brokers/kafka/log-cluster.ts'
import type { Connection, KafkaWire } from '../../../src/brokers/kafka/wire.ts'
import type { Address } from '../../servers/index.ts'

const LEAVING = -1

interface Described {
  readonly groups: readonly { readonly members: readonly { readonly memberId: string }[] }[]
}

interface DescribingWire extends KafkaWire {
  readonly consumerGroupDescribeV0: {
    readonly api: {
      async(connection: Connection, groups: string[], operations: boolean): Promise<Described>
    }
  }
}

/** Has all members of a group leave, in their names: the client expels members of classic groups only. */
export async function expelConsumers(server: Address, group: string): Promise<void> {
  const wire = await loadKafka<DescribingWire>()
  const cluster = new LogCluster(wire, {
    clientId: 'expel',
    clientOptions: { bootstrapBrokers: [server.address], requestTimeout: 5_000 },
  })
  const pool = cluster.openPool()
  try {
    const connection = await pool.get(server)
    const found = await wire.consumerGroupDescribeV0.api.async(connection, [group], false)
    const members = found.groups.flatMap((one) => one.members)
    for (const { memberId } of members) {
      await cluster.callAny('ConsumerGroupHeartbeat', [
        ...([group, memberId, LEAVING, null, null, 1_000] as const),
        ...([[], null, null, []] as const),
      ])
    }
  } finally {
    await Promise.all([pool.close(), cluster.close()])
  }
}

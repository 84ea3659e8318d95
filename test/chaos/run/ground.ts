import type { Fault } from '../faults/fault.ts'
import { serverFaults } from '../faults/server-faults.ts'
import { type LeftOut, startChaosServers } from '../faults/servers.ts'
import { type KafkaAddress, postgresUrl } from '../../servers/index.ts'

/** The servers of a run: ours, which are harmed, or a user's, which are not. */
export interface Ground extends AsyncDisposable {
  readonly clients: { readonly databaseUrl: string; readonly brokers: readonly string[] }
  /** The way of those who judge. */
  readonly witness: {
    /** After a failover it is another one. */
    databaseUrl(): string
    readonly kafka: KafkaAddress
  }
  /** What can happen to the servers and on the way to them. */
  readonly faults: readonly Fault[]
  /** What this machine can't do to them. */
  readonly leftOut: readonly LeftOut[]
}

/** A PostgreSQL with a standby and three brokers of Kafka, to be harmed. */
export async function ownGround(): Promise<Ground> {
  const servers = await startChaosServers()
  return {
    clients: {
      databaseUrl: postgresUrl(servers.clients.postgres),
      brokers: servers.clients.kafka.address.split(','),
    },
    witness: {
      databaseUrl: () => postgresUrl(servers.witness.postgres),
      kafka: servers.witness.kafka,
    },
    faults: serverFaults(servers),
    leftOut: servers.leftOut,
    [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
  }
}

/** A user's servers: only the clients of the run are harmed. */
export function givenGround(databaseUrl: string, brokers: readonly string[]): Ground {
  const [, host = '', port = ''] = /^(.+):(\d+)$/.exec(brokers[0] ?? '') ?? []
  return {
    clients: { databaseUrl, brokers },
    witness: {
      databaseUrl: () => databaseUrl,
      kafka: { address: brokers.join(','), host, port: Number(port) },
    },
    faults: [],
    leftOut: [],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

import type { ChaosServers } from './servers.ts'
import { stepClockOfPostgres } from './clocks.ts'
import { loseMinInSync, moveAllLeaders } from './cluster.ts'
import { fillDisk } from './disk.ts'
import { failOver } from './failover.ts'
import type { Fault } from './fault.ts'
import { exhaustConnections } from './connections.ts'
import { type Victim, freezeServer, killServer } from './kills.ts'
import { networkFaults } from './network.ts'

/** All that can happen to the servers of a run and to the connections to them. */
export function serverFaults(servers: ChaosServers): Fault[] {
  const victims = [postgresOf(servers), ...brokersOf(servers)]
  const { proxies, faketime, leftOut } = servers
  return [
    ...victims.flatMap((victim) => [killServer(victim), freezeServer(victim)]),
    ...[proxies.postgres, ...proxies.kafka].flatMap(networkFaults),
    loseMinInSync(brokersOf(servers)),
    moveAllLeaders(servers.kafka),
    failOver(servers),
    exhaustConnections(servers.postgres),
    ...(faketime === undefined ? [] : [stepClockOfPostgres(servers.postgres, faketime)]),
    ...(leftOut.some(({ what }) => what === 'disk') ? [] : [fillDisk(servers.postgres)]),
  ]
}

function postgresOf({ postgres, proxies }: ChaosServers): Victim {
  return {
    name: 'postgres',
    proxy: proxies.postgres,
    current: () => postgres.primary,
    usable: () => postgres.untilSynchronous(),
  }
}

function brokersOf({ kafka, proxies }: ChaosServers): Victim[] {
  return kafka.brokers.flatMap((broker, at) => {
    const proxy = proxies.kafka[at]
    if (!proxy) return []
    return {
      name: proxy.name,
      proxy,
      current: () => broker,
      usable: () => kafka.untilServes(broker),
    }
  })
}

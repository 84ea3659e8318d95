import type { Address, Place } from '../server.ts'
import type { KafkaProperties } from './properties.ts'

/** The node that decides who leads; it holds no records. */
export const controllerId = 100

/** What makes a node the controller of a cluster. */
export function controllerProperties(place: Pick<Place, 'port'>): KafkaProperties {
  return {
    ...cluster,
    'process.roles': 'controller',
    'node.id': controllerId,
    listeners: `CONTROLLER://127.0.0.1:${place.port}`,
    'advertised.listeners': `CONTROLLER://127.0.0.1:${place.port}`,
    'controller.quorum.voters': voters(place),
  }
}

/**
 * What makes a node a broker of a cluster. Clients come by the first port and are sent to
 * `advertised`; the witness and the other brokers come by the second.
 */
export function brokerProperties(
  id: number,
  place: Pick<Place, 'ports'>,
  { controller, advertised }: { controller: Pick<Place, 'port'>; advertised: Address | undefined },
): KafkaProperties {
  const [clients = 0, direct = 0] = place.ports
  const own = `127.0.0.1:${clients}`
  return {
    ...cluster,
    'process.roles': 'broker',
    'node.id': id,
    listeners: `CLIENTS://${own},DIRECT://127.0.0.1:${direct}`,
    'advertised.listeners': `CLIENTS://${advertised?.address ?? own},DIRECT://127.0.0.1:${direct}`,
    'controller.quorum.voters': voters(controller),
  }
}

function voters({ port }: Pick<Place, 'port'>): string {
  return `${controllerId}@127.0.0.1:${port}`
}

/** Three copies of everything, two of which have to be written before anything is acknowledged. */
const cluster: KafkaProperties = {
  'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,CLIENTS:PLAINTEXT,DIRECT:PLAINTEXT',
  'inter.broker.listener.name': 'DIRECT',
  'default.replication.factor': 3,
  'min.insync.replicas': 2,
  'offsets.topic.replication.factor': 3,
  'transaction.state.log.replication.factor': 3,
  'transaction.state.log.min.isr': 2,
  'share.coordinator.state.topic.replication.factor': 3,
  'share.coordinator.state.topic.min.isr': 2,
  // Leadership moves when a fault moves it, and does not move back by itself.
  'auto.leader.rebalance.enable': false,
  // Three JVMs on a busy machine: not so short that a pause looks like a death.
  'broker.session.timeout.ms': 3_000,
  'broker.heartbeat.interval.ms': 500,
  'num.io.threads': 3,
}

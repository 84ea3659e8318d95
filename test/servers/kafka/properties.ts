import { join } from 'node:path'

import type { Place } from '../server.ts'

/** Server properties by the names that Kafka's documentation has. */
export type KafkaProperties = Readonly<Record<string, string | number | boolean>>

/** Who may connect to a Kafka with an authorizer. */
export interface KafkaUser {
  readonly username: string
  readonly password: string
}

/** May do everything. */
export const adminUser: KafkaUser = { username: 'admin', password: 'admin-secret' }
/** May do what it was granted: nothing at first. */
export const appUser: KafkaUser = { username: 'app', password: 'app-secret' }

export interface Layout {
  /** SASL_PLAINTEXT for clients and ACLs, with a plain listener for the super user beside it. */
  readonly authorizer: boolean
  readonly properties: KafkaProperties
  /** Where it listens; clients are always told 127.0.0.1. */
  readonly listenOn: string
  /** Where it finds its folder. */
  readonly folder: string
}

/** The text of `server.properties` for one KRaft node. */
export function serverProperties(place: Pick<Place, 'ports'>, layout: Layout): string {
  const all = {
    ...listeners(place.ports, layout),
    ...node(layout.folder),
    ...smallCluster,
    ...(layout.authorizer && access),
    ...layout.properties,
  }
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function listeners(ports: readonly number[], layout: Layout): KafkaProperties {
  const [client = 0, controller = 0, admin = 0] = ports
  const addresses = (host: string): string =>
    layout.authorizer
      ? `SASL_PLAINTEXT://${host}:${client},PLAINTEXT://${host}:${admin}`
      : `PLAINTEXT://${host}:${client}`
  return {
    listeners: `${addresses(layout.listenOn)},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': addresses('127.0.0.1'),
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map':
      'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT',
  }
}

function node(folder: string): KafkaProperties {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'log.dirs': join(folder, 'data'),
    'auto.create.topics.enable': false,
    'num.partitions': 4,
    'group.initial.rebalance.delay.ms': 0,
    // Sessions of the consumer group protocol are the broker's: as short as those that tests ask for.
    'group.consumer.min.session.timeout.ms': 1_000,
    'group.consumer.session.timeout.ms': 6_000,
    'group.consumer.min.heartbeat.interval.ms': 100,
    'group.consumer.heartbeat.interval.ms': 1_000,
    // A killed node may come back only when the session of its former life has ended.
    'broker.session.timeout.ms': 1_500,
    'broker.heartbeat.interval.ms': 300,
  }
}

/** One node has no replicas, and a test machine has better to do than to keep 50 idle partitions. */
const smallCluster: KafkaProperties = {
  'offsets.topic.replication.factor': 1,
  'offsets.topic.num.partitions': 4,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 4,
  'share.coordinator.state.topic.replication.factor': 1,
  'share.coordinator.state.topic.min.isr': 1,
  'num.network.threads': 2,
  'num.io.threads': 4,
  'background.threads': 2,
  'log.cleaner.dedupe.buffer.size': 8_388_608,
}

const login = 'org.apache.kafka.common.security.plain.PlainLoginModule'
const passwords = [adminUser, appUser]
  .map(({ username, password }) => `user_${username}="${password}"`)
  .join(' ')

/** The node itself and the tools of the tests come by the plain listener, as nobody by name. */
const access: KafkaProperties = {
  'sasl.enabled.mechanisms': 'PLAIN',
  'listener.name.sasl_plaintext.plain.sasl.jaas.config': `${login} required ${passwords};`,
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': `User:${adminUser.username};User:ANONYMOUS`,
}

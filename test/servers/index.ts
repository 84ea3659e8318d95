// Real servers for tests, examples and benches: start, kill, freeze and restart them.
export type { Address, Server } from './server.ts'
export { type SteppableClock, findFaketime, steppableClock } from './clock.ts'
export { isAlive } from './processes.ts'
export { resizeDisk, whyNoDisk } from './small-disk.ts'
export { sharedKafka, sharedPostgres } from './shared.ts'
export { type PostgresOptions, type PostgresSettings, startPostgres } from './postgres/postgres.ts'
export { type PostgresPair, startPostgresPair } from './postgres/pair.ts'
export { startReplica, untilReplayed } from './postgres/replica.ts'
export {
  type Connection,
  type ConnectionOptions,
  type TestDatabase,
  connect,
  connectSoon,
  createDatabase,
  postgresUrl,
} from './postgres/database.ts'
export { type KafkaServer, startKafka } from './kafka/kafka.ts'
export { type KafkaCluster, type KafkaClusterOptions, startKafkaCluster } from './kafka/cluster.ts'
export type { KafkaOptions } from './kafka/recipe.ts'
export { type KafkaProperties, type KafkaUser, adminUser, appUser } from './kafka/properties.ts'
export { type KafkaTool, kafkaTool } from './kafka/tool.ts'
export {
  type Grant,
  type KafkaAddress,
  type MovedLeader,
  type ReadOptions,
  type TopicOptions,
  type TopicRecord,
  createTopic,
  grant,
  moveLeaders,
  readTopic,
  revoke,
} from './kafka/topics.ts'
export {
  type AppliedToxic,
  type Proxy,
  type Toxic,
  type Toxiproxy,
  startToxiproxy,
} from './toxiproxy/toxiproxy.ts'

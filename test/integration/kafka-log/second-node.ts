import { mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { javaFlags, kafkaJava, smallJvm } from '../../servers/kafka/java.ts'
import { clusterId } from '../../servers/kafka/template.ts'
import { knownBrokers } from '../../servers/kafka/wire.ts'
import type { KafkaServer } from '../../servers/index.ts'
import { type Place, type Server, startServer } from '../../servers/server.ts'

/** Starts a further broker in the cluster of `first`, with the node id 2. */
export async function startSecondNode(first: KafkaServer): Promise<Server> {
  const { java, jars } = await kafkaJava()
  return startServer({
    name: 'kafka',
    portCount: 1,
    async prepare(place) {
      writeFileSync(join(place.folder, 'server.properties'), propertiesOf(place, first))
      mkdirSync(join(place.folder, 'data'))
      writeFileSync(
        join(place.folder, 'data', 'meta.properties'),
        `version=1\ncluster.id=${clusterId}\nnode.id=2\n`,
      )
    },
    launch: (place) => ({
      command: java,
      args: [
        ...javaFlags('512m'),
        ...smallJvm,
        `--class-path=${jars.join(delimiter)}`,
        'kafka.Kafka',
        join(place.folder, 'server.properties'),
      ],
    }),
    ready: async (place) => (await knownBrokers(place)).length > 0,
    stopSignal: 'SIGTERM',
    discardSignal: 'SIGKILL',
  })
}

function propertiesOf(place: Place, first: KafkaServer): string {
  const controller = first.ports[1] ?? 0
  return [
    'process.roles=broker',
    'node.id=2',
    `listeners=PLAINTEXT://127.0.0.1:${place.port}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${place.port}`,
    'controller.listener.names=CONTROLLER',
    `controller.quorum.voters=1@127.0.0.1:${controller}`,
    'inter.broker.listener.name=PLAINTEXT',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    `log.dirs=${join(place.folder, 'data')}`,
    'offsets.topic.replication.factor=1',
    'replica.fetch.wait.max.ms=50',
    '',
  ].join('\n')
}

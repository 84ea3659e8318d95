import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

import { inContainer } from '../docker.ts'
import { copyFolder } from '../programs.ts'
import type { Address, Launch, Place, Recipe } from '../server.ts'
import { javaFlags, kafkaJava, kafkaVersion, smallJvm } from './java.ts'
import { type KafkaProperties, type Layout, serverProperties } from './properties.ts'
import { clusterId, dataTemplate } from './template.ts'
import { knownBrokers, takeProducerId } from './wire.ts'

export interface KafkaOptions {
  /** Server properties beside, or in place of, our own. */
  readonly properties?: KafkaProperties
  /** Clients log in (SASL_PLAINTEXT, PLAIN: `adminUser`, `appUser`) and need ACLs. @defaultValue false */
  readonly authorizer?: boolean
  /** Topics come into being by being written to. @defaultValue false */
  readonly autoCreateTopics?: boolean
  /** The JVM's heap. @defaultValue '512m' */
  readonly heap?: string
  /** Further flags of the JVM. @defaultValue a small JVM that starts fast; [] for Java's own choice */
  readonly jvm?: readonly string[]
}

/** Where everything is allowed without a login. */
export function adminAddress(place: Pick<Place, 'host' | 'ports'>, options: KafkaOptions): Address {
  const port = place.ports[options.authorizer === true ? 2 : 0] ?? 0
  return { address: `${place.host}:${port}`, host: place.host, port }
}

/** How Kafka is started by the Java that is here. */
export async function javaLauncher(
  options: KafkaOptions,
  flags: readonly string[],
): Promise<(place: Place) => Launch> {
  const { java, jars } = await kafkaJava()
  const jvm = [...javaFlags(options.heap ?? '512m'), ...(options.jvm ?? smallJvm), ...flags]
  return (place) => ({
    command: java,
    args: [
      ...jvm,
      `--class-path=${jars.join(delimiter)}`,
      'kafka.Kafka',
      join(place.folder, 'server.properties'),
    ],
  })
}

/** A Kafka that `launch` starts on a formatted data folder. */
export function kafkaRecipe(options: KafkaOptions, launch: (place: Place) => Launch): Recipe {
  return {
    ...commonRecipe(options),
    async prepare(place) {
      writeProperties(place, layoutOf(options, place.folder))
      await copyFolder(await dataTemplate(), join(place.folder, 'data'))
    },
    launch,
  }
}

function commonRecipe(options: KafkaOptions): Omit<Recipe, 'prepare' | 'launch'> {
  const fresh = new Set<string>()
  return {
    name: 'kafka',
    portCount: options.authorizer === true ? 3 : 2,
    async ready(place) {
      const admin = adminAddress(place, options)
      if ((await knownBrokers(admin)).length === 0) return false
      if (!fresh.has(place.folder) && !(await takeProducerId(admin))) return false
      fresh.add(place.folder)
      return true
    },
    stopSignal: 'SIGTERM',
    discardSignal: 'SIGKILL',
  }
}

function layoutOf(options: KafkaOptions, folder: string, listenOn = '127.0.0.1'): Layout {
  const autoCreate = { 'auto.create.topics.enable': options.autoCreateTopics ?? false }
  return {
    authorizer: options.authorizer ?? false,
    properties: { ...autoCreate, ...options.properties },
    listenOn,
    folder,
  }
}

function writeProperties(place: Place, layout: Layout): void {
  writeFileSync(join(place.folder, 'server.properties'), serverProperties(place, layout))
}

/** Kafka's own image, for where there is no Java. */
export const image: string = `apache/kafka:${kafkaVersion}`

/** Without a daemon at hand when it was written: not run. */
export function containerRecipe(options: KafkaOptions): Recipe {
  const mount = '/oncommit'
  const format = `/opt/kafka/bin/kafka-storage.sh format --ignore-formatted -t ${clusterId}`
  const start = 'exec /opt/kafka/bin/kafka-server-start.sh'
  const file = `${mount}/server.properties`
  const command = ['sh', '-c', `${format} -c ${file} && ${start} ${file}`]
  return {
    ...commonRecipe(options),
    async prepare(place) {
      writeProperties(place, layoutOf(options, mount, '0.0.0.0'))
      mkdirSync(join(place.folder, 'data'))
      // The image's user writes here, whoever that is.
      chmodSync(join(place.folder, 'data'), 0o777)
    },
    launch: (place) => inContainer(place, { image, mount, command }),
  }
}

import { dockerAnswers } from '../docker.ts'
import { progress } from '../programs.ts'
import { type Address, type Recipe, type Server, startServer } from '../server.ts'
import { classArchive } from './class-archive.ts'
import { canHaveJava } from './java.ts'
import {
  type KafkaOptions,
  adminAddress,
  containerRecipe,
  image,
  javaLauncher,
  kafkaRecipe,
} from './recipe.ts'

export interface KafkaServer extends Server {
  /** Where everything is allowed without a login: `address` itself unless there is an authorizer. */
  readonly admin: Address
}

/**
 * Starts a Kafka of one's own: one KRaft node.
 *
 * @example
 * await using kafka = await startKafka({ properties: { 'message.max.bytes': 100_000 } })
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const recipe = await findKafka(options)
  const server = await startServer(recipe)
  return Object.assign(server, { admin: adminAddress(server, options) })
}

/** Java where it is or can be installed, else a container. */
async function findKafka(options: KafkaOptions): Promise<Recipe> {
  if (!(await canHaveJava()) && (await dockerAnswers())) {
    progress(`Kafka runs in a container (${image})`)
    return containerRecipe(options)
  }
  const flags = [`-XX:SharedArchiveFile=${await classArchive()}`]
  return kafkaRecipe(options, await javaLauncher(options, flags))
}

import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

import { cacheFolder } from '../cache.ts'
import { type Ran, run } from '../programs.ts'
import { javaFlags, kafkaJava, kafkaVersion, smallJvm } from './java.ts'

export type KafkaTool =
  | 'acls'
  | 'configs'
  | 'consoleConsumer'
  | 'consoleProducer'
  | 'consumerGroups'
  | 'dumpLog'
  | 'offsets'
  | 'topics'
  | 'transactions'

/** The classes of Kafka's command line tools, for `kafkaTool`. */
export const kafkaTools: Readonly<Record<KafkaTool, string>> = {
  acls: 'org.apache.kafka.tools.AclCommand',
  configs: 'kafka.admin.ConfigCommand',
  consoleConsumer: 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  consoleProducer: 'org.apache.kafka.tools.ConsoleProducer',
  consumerGroups: 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  dumpLog: 'org.apache.kafka.tools.DumpLogSegments',
  offsets: 'org.apache.kafka.tools.GetOffsetShell',
  topics: 'org.apache.kafka.tools.TopicCommand',
  transactions: 'org.apache.kafka.tools.TransactionsCommand',
}

/**
 * Runs one of Kafka's own command line tools to its end, whatever its exit code.
 *
 * @example
 * await kafkaTool('topics', ['--bootstrap-server', kafka.admin.address, '--list'])
 */
export async function kafkaTool(tool: KafkaTool, args: readonly string[]): Promise<Ran> {
  return runJava(kafkaTools[tool], args)
}

/** Runs any class of Kafka's jars and throws what it printed unless it succeeded. */
export async function runKafkaTool(mainClass: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runJava(mainClass, args)
  if (code !== 0) throw new Error(`${mainClass} exited with ${code}\n${stdout}${stderr}`)
  return stdout
}

async function runJava(mainClass: string, args: readonly string[]): Promise<Ran> {
  const { java, args: before } = await javaCommand()
  return run(java, [...before, mainClass, ...args])
}

/** How a small Java program that uses Kafka's classes, and perhaps others of ours, is started. */
export async function javaCommand(
  classes: readonly string[] = [],
): Promise<{ java: string; args: string[] }> {
  const { java, jars } = await kafkaJava()
  const classPath = [...jars, ...classes].join(delimiter)
  return {
    java,
    args: [...javaFlags('256m'), ...smallJvm, ...archiveFlags(), '-cp', classPath],
  }
}

/** Lets a tool use the class archive of the server, where there is one already. */
function archiveFlags(): string[] {
  const path = join(cacheFolder, `kafka-${kafkaVersion}`, 'classes.jsa')
  return existsSync(path) ? [`-XX:SharedArchiveFile=${path}`] : []
}

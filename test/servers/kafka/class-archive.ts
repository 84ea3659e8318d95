import { existsSync } from 'node:fs'

import { cached } from '../cache.ts'
import { progress } from '../programs.ts'
import { startServer } from '../server.ts'
import { kafkaJava, kafkaVersion } from './java.ts'
import { javaLauncher, kafkaRecipe } from './recipe.ts'
import { runKafkaTool } from './tool.ts'

/**
 * The classes of a running Kafka as the JVM maps them into memory: a node starts in half the time.
 * Made by a node that has done a bit of everything.
 */
export async function classArchive(): Promise<string> {
  const { version, jars } = await kafkaJava()
  const key = [version, ...jars].join('\n')
  return cached(`kafka-${kafkaVersion}/classes.jsa`, key, async (path) => {
    progress('preparing Kafka for fast starts …')
    const launch = await javaLauncher({}, [`-XX:ArchiveClassesAtExit=${path}`])
    // Writing the archive takes its time, and a killed node writes none.
    const recipe = { ...kafkaRecipe({ autoCreateTopics: true }, launch), graceMs: 60_000 }
    await using server = await startServer(recipe)
    await produceAndConsume(server.address)
    await server.stop()
    if (!existsSync(path)) throw new Error(`Kafka wrote no class archive\n${server.log()}`)
  })
}

async function produceAndConsume(address: string): Promise<void> {
  const common = `--topic warm-up --bootstrap-server ${address}`
  const transaction = '--transactional-id warm-up --transaction-duration-ms 100'
  const producer = `${common} --num-records 100 --record-size 100 --throughput -1 ${transaction}`
  const consumer = `${common} --group warm-up --from-beginning --max-messages 100`
  await runKafkaTool('org.apache.kafka.tools.ProducerPerformance', producer.split(' '))
  await runKafkaTool('org.apache.kafka.tools.consumer.ConsoleConsumer', consumer.split(' '))
}

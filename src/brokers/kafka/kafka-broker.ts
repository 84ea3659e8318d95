import type { Broker } from '../../core/broker.ts'
import { Cluster } from './cluster.ts'
import { openExactlyOncePublisher } from './exactly-once-publisher.ts'
import { fencePublisher, forgetMarkers } from './fence.ts'
import { openIdempotentPublisher } from './idempotent-publisher.ts'
import { topicNameProblem } from '../../core/topic-name.ts'
import { readKafkaOptions, type KafkaOptions } from './kafka-options.ts'
import { openKafkaLog } from './log-client.ts'
import { openKafkaProducer } from './producer.ts'
import { bounded, retrying } from './retrying.ts'
import { TopicDirectory } from './topic-directory.ts'

/**
 * Apache Kafka, from 3.1 on. It needs the package `@platformatic/kafka`, which is loaded at first
 * use. Throws an `OptionError`.
 *
 * With `guarantee: 'exactly-once'` (the default) the principal needs WRITE and DESCRIBE on
 * TransactionalId `oncommit.` (prefixed), and CREATE, READ, WRITE and DESCRIBE on the marker topic.
 *
 * @example
 * const bus = new EventBus({ store: postgres({ pool }), broker: kafka({ brokers: ['localhost:9092'] }) })
 */
export function kafka(options: KafkaOptions): Broker {
  const settings = readKafkaOptions(options)
  const exactlyOnce = settings.guarantee === 'exactly-once'
  let shared: Promise<Cluster> | undefined
  const cluster = async (): Promise<Cluster> => (shared ??= Cluster.open(settings.connection))
  return {
    name: 'kafka',
    capabilities: {
      guarantee: settings.guarantee,
      fence: exactlyOnce,
      awaitsRevocation: true,
    },
    maxRecordBytes: settings.maxRecordBytes,
    topicProblem: (topic) =>
      topic === settings.markerTopic
        ? `${topic} is the topic of markers: no events go there`
        : topicNameProblem(topic),
    openPublisher: exactlyOnce
      ? async (publisher) => openExactlyOncePublisher(settings, publisher)
      : async (publisher) => openIdempotentPublisher(settings, publisher),
    fence: async (fence, signal) =>
      exactlyOnce ? fencePublisher(await cluster(), settings, { fence, signal }) : [],
    forget: async (fence) => {
      if (exactlyOnce) await forgetMarkers(await cluster(), settings, fence)
    },
    probe: async (topic, signal) => {
      const directory = new TopicDirectory(await cluster())
      await bounded(async (rule) => retrying(async () => directory.checkWritable(topic), rule), {
        signal,
        ms: settings.publishTimeoutMs,
        what: `probing topic ${topic}`,
      })
    },
    openProducer: async (producer) => openKafkaProducer(settings, producer),
    openLog: async (log) =>
      openKafkaLog(settings.connection, { ...log, groupProtocol: settings.groupProtocol }),
    close: async () => {
      const opened = shared
      shared = undefined
      ;(await opened?.catch(() => undefined))?.close()
    },
  }
}

import type { PublishedBatch } from '../../core/broker.ts'
import type { Cluster } from './cluster.ts'
import { toBrokerError } from './failures.ts'
import { explainTransactions, transactionalIds } from './exactly-once-publisher.ts'
import type { KafkaSettings } from './kafka-options.ts'
import { MarkerTopic, markerPartition } from './markers.ts'
import { produce } from './produce.ts'
import { encodeBatch } from './record-batch.ts'
import { bounded } from './retrying.ts'
import { TopicDirectory } from './topic-directory.ts'
import { TransactionalProducer } from './transaction.ts'

/**
 * Shuts out the publisher of `fence` and reads back what its last transactions published. Once
 * both ids are taken, all of its transactions are decided and their markers are in the log.
 */
export async function fencePublisher(
  cluster: Cluster,
  settings: KafkaSettings,
  { fence, signal }: { fence: string; signal: AbortSignal },
): Promise<readonly PublishedBatch[]> {
  try {
    return await bounded(
      async (rule) => {
        const ids = transactionalIds(fence)
        const directory = new TopicDirectory(cluster)
        const markers = new MarkerTopic(settings.markerTopic, cluster, directory)
        await Promise.all(
          ids.map(async (transactionalId) => {
            const options = { ...settings, transactionalId }
            const producer = new TransactionalProducer(cluster, options)
            const places = await markers.lastPlacesOf(transactionalId, rule)
            await producer.takeAndComplete(places, rule)
          }),
        )
        const found = await Promise.all(ids.map(async (id) => markers.lastOf(id, rule)))
        return found.filter((batch) => batch !== null).toSorted((a, b) => a.number - b.number)
      },
      { signal, ms: 3 * settings.publishTimeoutMs, what: `fencing ${fence}` },
    )
  } catch (error) {
    throw explainTransactions(toBrokerError(error), fence)
  }
}

/** Tombstones for the markers of a publisher, so that compaction keeps the topic small. */
export async function forgetMarkers(
  cluster: Cluster,
  settings: KafkaSettings,
  fence: string,
): Promise<void> {
  const topic = settings.markerTopic
  const directory = new TopicDirectory(cluster)
  const target = {
    cluster,
    directory,
    transactionalId: null,
    timeoutMs: settings.publishTimeoutMs,
    onAmbiguous: () => {},
  }
  const producer = { producerId: -1n, producerEpoch: -1, transactional: false }
  const options = { producer, sequence: -1, timestamp: Date.now(), compression: 'none' }
  await bounded(
    async (rule) => {
      await directory.ensure([topic])
      const { leaders } = directory.at(topic)
      for (const id of transactionalIds(fence)) {
        const records = [{ key: Buffer.from(id), value: null, headers: [] }]
        const partition = markerPartition(id, leaders.length)
        const batch = { topic, partition, records, indexes: [0] }
        const bytes = encodeBatch(cluster.peer, batch, options)
        const [outcome] = await produce(target, [{ batch, bytes }], rule)
        if (outcome?.state === 'refused') throw outcome.error
      }
    },
    {
      signal: new AbortController().signal,
      ms: settings.publishTimeoutMs,
      what: `tidying up after ${fence}`,
    },
  )
}

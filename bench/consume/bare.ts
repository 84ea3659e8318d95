import { Consumer } from '@platformatic/kafka'
import { type Job, PARTITIONS, TOPIC } from './job.ts'
import type { Stopwatch } from './stopwatch.ts'

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>

const LIMITS = { maxWaitTime: 1000, minBytes: 1, maxBytes: 1024 * 1024, isolationLevel: 1 } as const

/** The client's own `fetch()`, the next one in flight: no group, no commits, no events made. */
export async function fetchAll(job: Job, clock: Stopwatch): Promise<void> {
  const consumer = new Consumer({
    clientId: 'bare',
    groupId: job.group,
    bootstrapBrokers: [job.broker],
  })
  const metadata = await consumer.metadata({ topics: [TOPIC] })
  const topic = metadata.topics.get(TOPIC)
  const node = topic?.partitions[0]?.leader
  if (topic === undefined || node === undefined) throw new Error(`topic ${TOPIC} is not there`)
  const positions = Array.from({ length: PARTITIONS }, () => 0n)
  const fetch = async (): Promise<FetchResponse> =>
    consumer.fetch({
      ...LIMITS,
      node,
      topics: [{ topicId: topic.id, partitions: positions.map(partitionAt) }],
    })
  let response = fetch()
  for (let isLast = false; !isLast;) {
    const got = move(await response, positions)
    response = fetch()
    isLast = clock.count(got)
  }
  await response
  await consumer.close(true)
}

function partitionAt(fetchOffset: bigint, partition: number) {
  return {
    partition,
    fetchOffset,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    partitionMaxBytes: 256 * 1024,
  }
}

/** Moves the positions behind what came, and gives the number of records. */
function move(response: FetchResponse, positions: bigint[]): number {
  let count = 0
  for (const { partitions } of response.responses) {
    for (const { partitionIndex, records } of partitions) {
      for (const { firstOffset, lastOffsetDelta, records: own } of records ?? []) {
        const position = positions[partitionIndex] ?? 0n
        // A batch comes whole, also where it begins before the position.
        for (const { offsetDelta } of own)
          if (firstOffset + BigInt(offsetDelta) >= position) count += 1
        positions[partitionIndex] = firstOffset + BigInt(lastOffsetDelta) + 1n
      }
    }
  }
  return count
}

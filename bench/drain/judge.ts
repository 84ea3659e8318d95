import { kafka } from '../../src/brokers/kafka/index.ts'
import type { LogClient, Position } from '../../src/core/log.ts'
import { TOPIC } from './backlog.ts'
import type { Finding, Job } from './job.ts'

const LIMITS = { maxBytes: 4 * 1024 * 1024, maxPartitionBytes: 1024 * 1024, maxWaitMs: 500 }

/** Where the topic ends now: what comes after it is this contestant's. */
export async function topicEnds(broker: string): Promise<readonly Position[]> {
  return withLog(broker, async (log) => log.offsets(await log.partitions([TOPIC]), 'latest'))
}

/** Reads what was published since, committed records only, and compares it with what was stored. */
export async function judge(
  job: Job,
  from: readonly Position[],
): Promise<Pick<Finding, 'lost' | 'duplicated' | 'outOfOrder'>> {
  const seen = new Set<string>()
  const latest = new Map<string, number>()
  let [duplicated, outOfOrder] = [0, 0]
  await withLog(job.broker, async (log) => {
    const positions = new Map(from.map((at) => [at.partition, at]))
    for (let silent = false; !silent;) {
      const { signal } = new AbortController()
      const pages = await log.fetch([...positions.values()], { ...LIMITS, signal })
      silent = pages.every(({ records }) => records.length === 0)
      for (const { topic, partition, records, nextOffset } of pages) {
        positions.set(partition, { topic, partition, offset: nextOffset })
        for (const { key, value } of records) {
          const number = value?.toString('latin1', 0, 12) ?? ''
          const name = key?.toString('latin1') ?? ''
          if (seen.has(number)) duplicated += 1
          else if (Number(number) < (latest.get(name) ?? 0)) outOfOrder += 1
          seen.add(number)
          latest.set(name, Math.max(Number(number), latest.get(name) ?? 0))
        }
      }
    }
  })
  return { lost: job.events - seen.size, duplicated, outOfOrder }
}

async function withLog<T>(address: string, work: (log: LogClient) => Promise<T>): Promise<T> {
  const broker = kafka({ brokers: [address] })
  const log = await broker.openLog({ clientId: 'judge' })
  try {
    return await work(log)
  } finally {
    await log.close()
    await broker.close()
  }
}

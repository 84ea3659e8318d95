import { appendFileSync } from 'node:fs'
import { randomInt, randomUUID } from 'node:crypto'
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import { local } from '../../../src/brokers/local/index.ts'
import { BrokerError } from '../../../src/core/errors.ts'
import type { GroupMembership, Mark, Position, TopicPartition } from '../../../src/core/log.ts'
import type { Task, Told } from './programs.ts'

const task = JSON.parse(process.argv[2] ?? '') as Task
const ending = new AbortController()
process.on('message', (message) => {
  if (message === 'end') ending.abort()
  else {
    tell({ event: 'freezing' })
    // From within, and so never in a transaction: that would hold the file's lock.
    process.kill(process.pid, 'SIGSTOP')
  }
})
process.on('disconnect', () => process.exit())

function tell(told: Told): void {
  process.send?.(told)
}

async function publish(file: string, topic: string): Promise<void> {
  const relayId = randomUUID()
  const publisher = await local({ file }).openPublisher({
    outbox: 'test',
    relayId,
    signal: ending.signal,
    onAway: () => {},
  })
  tell({ event: 'publisher', relayId, fence: publisher.fence })
  for (let number = 1; !ending.signal.aborted; number++) {
    const size = randomInt(1, 30)
    const records = Array.from({ length: size }, (_, index) => ({
      topic,
      key: Buffer.from(`${index}`),
      value: Buffer.from(`${relayId}/${number}/${size}`),
      headers: [],
    }))
    const batch = {
      number,
      ids: [[BigInt(number) * 100n, BigInt(number * 100 + records.length - 1)]] as const,
      records,
    }
    const result = await publisher.append(batch, () => {})
    if (result.state === 'appended') await result.commit()
    tell({ event: 'committed', number })
    // A rate that readers keep up with.
    await pause(5)
  }
}

async function read(reading: Task & { do: 'read' }): Promise<void> {
  const client = await local({ file: reading.file }).openLog({ clientId: `${process.pid}` })
  const joined = Promise.withResolvers<GroupMembership>()
  let stop = new AbortController()
  let loop: Promise<void> = Promise.resolve()
  let marks = new Map<number, Mark>()
  let late: readonly Mark[] = []
  const readFrom = async (
    partitions: readonly TopicPartition[],
    generation: number,
    signal: AbortSignal,
  ): Promise<void> => {
    const membership = await joined.promise
    const committed = await membership.committed(partitions)
    const known = new Set(committed.map(({ partition }) => partition))
    const fresh = partitions.filter(({ partition }) => !known.has(partition))
    let at: readonly Position[] = [...committed, ...(await client.offsets(fresh, 'earliest'))]
    while (!signal.aborted) {
      const limits = { maxBytes: 20_000, maxPartitionBytes: 10_000, maxWaitMs: 1_000, signal }
      const pages = await client.fetch(at, limits).catch(() => [])
      for (const { topic, partition, records } of pages) {
        for (const { offset } of records) {
          if (signal.aborted) return
          await turn()
          // Not only told: what a program tells just before it is killed may not arrive.
          appendFileSync(`${reading.file}.handled`, `${partition}/${offset}\n`)
          tell({ event: 'handled' })
          marks.set(partition, { topic, partition, offset: offset + 1n, generation })
          late = [...marks.values()]
        }
      }
      await membership.commit([...marks.values()])
      at = at.map(({ topic, partition, offset }) => ({
        topic,
        partition,
        offset: pages.find((page) => page.partition === partition)?.nextOffset ?? offset,
      }))
    }
  }
  const drain = async (): Promise<void> => {
    stop.abort()
    await loop
    await (await joined.promise).commit([...marks.values()])
    marks = new Map()
  }
  joined.resolve(
    await client.join({
      group: reading.group,
      topics: [reading.topic],
      sessionTimeoutMs: reading.sessionTimeoutMs,
      onAssigned: (partitions, generation) => {
        stop = new AbortController()
        tell({ event: 'assigned', partitions })
        loop = readFrom(partitions, generation, stop.signal)
      },
      onRevoking: drain,
      onLost: () => {
        stop.abort()
        tell({ event: 'lost' })
        void joined.promise
          .then(async (membership) => membership.commit(late))
          .then((taken) => tell({ event: 'lateCommit', taken }))
      },
      onAway: () => {},
    }),
  )
  ending.signal.addEventListener('abort', () => {
    void drain()
      .then(async () => client.close())
      .then(() => process.disconnect?.())
  })
}

try {
  if (task.do === 'publish') await publish(task.file, task.topic)
  else if (task.do === 'read') await read(task)
  else {
    await local({ file: task.file }).createTopic('made-by-all', 3)
    tell({ event: 'opened' })
  }
} catch (error) {
  tell({ event: 'failed', kind: error instanceof BrokerError ? error.kind : String(error) })
}
if (task.do !== 'read') process.disconnect?.()

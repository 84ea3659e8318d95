import { randomInt } from 'node:crypto'
import type { AppendResult, Refusal, TopicRecord } from '../../core/broker.ts'
import { BrokerError } from '../../core/errors.ts'
import { partitionOf } from '../../core/murmur2.ts'
import type { Ack } from '../../core/outbox-store.ts'
import { type LocalLog, useTopic } from './local-log.ts'
import { insertRecords, recordSize, trimRecords } from './records.ts'
import type { Topic } from './topics.ts'

interface PartitionRun {
  readonly topic: Topic
  readonly partition: number
  readonly records: TopicRecord[]
}

/** Says which records of a batch the log takes, and writes them to their partitions. */
export class BatchWriter {
  readonly #log: LocalLog
  /** Records without a key take the partitions in turn; where the turn begins is chance. */
  #turn = randomInt(1_000)

  constructor(log: LocalLog) {
    this.#log = log
  }

  /** Makes the topics that are new. Not inside a transaction. */
  refusals(records: readonly TopicRecord[]): readonly Refusal[] {
    const refusals: Refusal[] = []
    const byTopic = new Map<string, { indexes: number[]; error: BrokerError } | null>()
    for (const [index, record] of records.entries()) {
      let unavailable = byTopic.get(record.topic)
      if (unavailable === undefined) {
        const error = this.#topicError(record.topic)
        unavailable = error === null ? null : { indexes: [], error }
        byTopic.set(record.topic, unavailable)
        if (unavailable !== null) refusals.push(unavailable)
      }
      const error = unavailable === null ? this.#recordError(record) : null
      if (unavailable !== null) unavailable.indexes.push(index)
      else if (error !== null) refusals.push({ indexes: [index], error })
    }
    return refusals
  }

  /**
   * Without transactions: what may be written although some are refused, which is the records of
   * topics none of whose records is, so that nothing overtakes what was sent before it.
   */
  writable(records: readonly TopicRecord[], refused: ReadonlySet<number>): readonly number[] {
    const topics = new Set([...refused].map((index) => records[index]?.topic))
    return [...records.keys()].filter((index) => !topics.has(records[index]?.topic))
  }

  /** Inside a transaction. */
  write(records: readonly TopicRecord[]): readonly Ack[] {
    const { database, settings, clock } = this.#log
    const timestamp = Math.trunc(clock.now())
    const acks: Ack[] = []
    for (const run of this.#runs(records)) {
      const id = run.topic.partitionIds[run.partition] ?? -1
      const first = insertRecords(database, id, run.records, timestamp)
      if (settings.retainRecords !== null) trimRecords(database, id, settings.retainRecords)
      acks.push([run.topic.name, run.partition, String(first)])
    }
    return acks
  }

  #runs(records: readonly TopicRecord[]): Iterable<PartitionRun> {
    const runs = new Map<string, PartitionRun>()
    for (const record of records) {
      const topic = this.#log.topics.find(record.topic)
      if (topic === null) throw new BrokerError('unknown', `topic ${record.topic} is gone`)
      const count = topic.partitionIds.length
      const partition = record.key === null ? this.#turn++ % count : partitionOf(record.key, count)
      const name = `${partition}/${record.topic}`
      const run = runs.get(name) ?? { topic, partition, records: [] }
      run.records.push(record)
      runs.set(name, run)
    }
    return runs.values()
  }

  #topicError(topic: string): BrokerError | null {
    try {
      useTopic(this.#log, topic)
      return null
    } catch (error) {
      if (error instanceof BrokerError && error.kind === 'topic-unavailable') return error
      throw error
    }
  }

  #recordError(record: TopicRecord): BrokerError | null {
    const { topic } = record
    const most = this.#log.settings.maxRecordBytes
    const size = recordSize(record)
    if (size > most)
      return new BrokerError('event-refused', `${size} bytes, at most ${most} are taken`, { topic })
    if (this.#log.faults.refuses(record))
      return new BrokerError('event-refused', 'the record is made to be refused', {
        topic,
        permanent: false,
      })
    return null
  }
}

/** Writes what is not refused without waiting for a commit. Throws where the acknowledgement gets lost. */
export function writeNow(
  log: LocalLog,
  writer: BatchWriter,
  records: readonly TopicRecord[],
): AppendResult {
  const refusals = writer.refusals(records)
  const refused = new Set(refusals.flatMap((refusal) => refusal.indexes))
  const written = writer.writable(records, refused)
  const taken = written.map((index) => records[index]).filter((one) => one !== undefined)
  const acks = log.database.transaction(() => writer.write(taken))
  published(log)
  if (refusals.length > 0) return { state: 'refused', written, acks, refusals }
  return { state: 'appended', acks, commit: nothingLeft, abort: nothingLeft }
}

/** Wakes the readers, and loses the acknowledgement where that is asked for. */
export function published(log: LocalLog): void {
  log.changes.notify()
  if (log.faults.takeLostAck())
    throw new BrokerError('unknown', 'the acknowledgement is made to get lost')
}

async function nothingLeft(): Promise<void> {}

import type { AppendResult, Producer, ProducerOptions, TopicRecord } from '../../core/broker.ts'
import { BrokerError } from '../../core/errors.ts'
import { type RecordSink, QueuedProducer } from '../../core/queued-producer.ts'
import { BatchWriter, writeNow } from './batch-writer.ts'
import { toBrokerError } from './failures.ts'
import type { LocalLog } from './local-log.ts'

/** A producer whose records are in the log when `send` resolves. */
export function openLocalProducer(log: LocalLog, options: ProducerOptions): Producer {
  return new QueuedProducer(new LocalSink(log, options), options)
}

class LocalSink implements RecordSink {
  readonly #log: LocalLog
  readonly #options: ProducerOptions
  readonly #writer: BatchWriter
  readonly #closing = new AbortController()

  constructor(log: LocalLog, options: ProducerOptions) {
    this.#log = log
    this.#options = options
    this.#writer = new BatchWriter(log)
  }

  async append(records: readonly TopicRecord[]): Promise<AppendResult> {
    await this.#log.faults.reachInTheEnd(this.#closing.signal, this.#options.onAway)
    try {
      return writeNow(this.#log, this.#writer, records)
    } catch (error) {
      throw error instanceof BrokerError ? error : toBrokerError(error)
    }
  }

  close(): Promise<void> {
    this.#closing.abort()
    return Promise.resolve()
  }
}

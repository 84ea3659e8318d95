import { backoffMs } from './backoff.ts'
import type { AppendResult, Producer, ProducerOptions, TopicRecord } from './broker.ts'
import { systemClock } from './clock.ts'
import { recordBytes } from './codec.ts'
import { BrokerError, OncommitError } from './errors.ts'

/** Where a producer's records go, a batch at a time. */
export interface RecordSink {
  /**
   * Writes records in order, all or those that are not refused. Rejects with a `BrokerError`:
   * where its kind is `away` nothing was written, and the same is tried again.
   */
  append(records: readonly TopicRecord[]): Promise<AppendResult>
  close(): Promise<void>
}

interface Waiting {
  readonly record: TopicRecord
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const MOST_RECORDS = 1_000
const MOST_BYTES = 1024 * 1024
const AWAY = { firstMs: 20, maxMs: 1_000, jitter: 0.2 }

/**
 * Records of calls side by side wait in one queue; while a batch is on its way the next one gathers.
 * Where some were refused together, fewer are sent until it is known which one is at fault.
 */
export class QueuedProducer implements Producer {
  readonly #sink: RecordSink
  readonly #options: ProducerOptions
  readonly #closing = new AbortController()
  #queue: Waiting[] = []
  #most = MOST_RECORDS
  #writing = false
  #failures = 0

  constructor(sink: RecordSink, options: ProducerOptions) {
    this.#sink = sink
    this.#options = options
    const close = (): void => void this.close()
    if (options.signal.aborted) close()
    else {
      options.signal.addEventListener('abort', close, {
        once: true,
        signal: this.#closing.signal,
      })
    }
  }

  send(record: TopicRecord): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.reject(closedError())
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#queue.push({ record, resolve, reject })
    if (!this.#writing) void this.#write()
    return promise
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    const left = this.#queue
    this.#queue = []
    for (const { reject } of left) reject(closedError())
    await this.#sink.close()
  }

  /** Never rejects: each failure goes to the records that it is about. */
  async #write(): Promise<void> {
    this.#writing = true
    // What is sent in the tick of the first call goes with it.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const batch = this.#take()
      try {
        this.#settle(batch, await this.#sink.append(batch.map(({ record }) => record)))
      } catch (error) {
        await this.#failed(batch, error)
      }
    }
    this.#writing = false
  }

  #take(): readonly Waiting[] {
    let count = 0
    for (let bytes = 0; count < this.#most && count < this.#queue.length; count++) {
      bytes += recordBytes((this.#queue[count] as Waiting).record)
      if (count > 0 && bytes > MOST_BYTES) break
    }
    return this.#queue.splice(0, count)
  }

  #settle(batch: readonly Waiting[], result: AppendResult): void {
    this.#reached()
    if (result.state === 'appended') {
      for (const { resolve } of batch) resolve()
      this.#most = Math.min(MOST_RECORDS, this.#most * 2)
      return
    }
    const open = new Set(batch)
    for (const index of result.written) close(index, ({ resolve }) => resolve())
    let together = 0
    for (const { indexes, error } of result.refusals) {
      const isKnown = indexes.length === 1 || error.kind === 'topic-unavailable'
      if (isKnown) for (const index of indexes) close(index, ({ reject }) => reject(error))
      else together = Math.max(together, indexes.length)
    }
    if (together > 0) this.#most = Math.ceil(together / 2)
    this.#putBack([...open])

    function close(index: number, how: (one: Waiting) => void): void {
      const one = batch[index]
      if (one !== undefined && open.delete(one)) how(one)
    }
  }

  async #failed(batch: readonly Waiting[], error: unknown): Promise<void> {
    const failure = error instanceof OncommitError ? error : unknownError(error)
    const isAway = failure instanceof BrokerError && failure.kind === 'away'
    if (!isAway || this.#closing.signal.aborted) {
      for (const { reject } of batch) reject(isAway ? closedError() : failure)
      return
    }
    this.#failures++
    this.#putBack(batch)
    this.#options.onAway(failure)
    await systemClock.sleep(backoffMs(AWAY, this.#failures), this.#closing.signal)
  }

  #reached(): void {
    if (this.#failures > 0) this.#options.onAway(null)
    this.#failures = 0
  }

  /** In front of what came later. */
  #putBack(batch: readonly Waiting[]): void {
    if (this.#closing.signal.aborted) for (const { reject } of batch) reject(closedError())
    else this.#queue = [...batch, ...this.#queue]
  }
}

function closedError(): BrokerError {
  return new BrokerError('away', 'the producer is closed')
}

function unknownError(cause: unknown): BrokerError {
  return new BrokerError('unknown', 'a record could not be written', { cause })
}

import type { AppendResult, PublishBatch, Publisher, PublisherOptions } from '../../core/broker.ts'
import { BrokerError } from '../../core/errors.ts'
import type { Ack } from '../../core/outbox-store.ts'
import { toBrokerError } from './failures.ts'
import type { LocalLog } from './local-log.ts'
import { BatchWriter, published, writeNow } from './batch-writer.ts'

interface Outcome {
  readonly batch: PublishBatch
  /** Filled when the batch is written. */
  readonly acks: Ack[]
}

/**
 * One relay's way into the log. With a fence a batch is held here until its commit, which writes
 * the records and the note of what they were in one transaction that finds the epoch unchanged or
 * writes nothing: a publisher that was shut out can't commit, and one that dies leaves nothing
 * half done. Without a fence the append itself writes.
 */
export class LocalPublisher implements Publisher {
  readonly fence: string
  readonly #log: LocalLog
  readonly #options: PublisherOptions
  readonly #epoch: number
  readonly #writer: BatchWriter
  readonly #closing = new AbortController()
  readonly #signal: AbortSignal
  #lastCommit: Promise<void> = Promise.resolve()
  #ended: BrokerError | null = null

  constructor(log: LocalLog, options: PublisherOptions) {
    this.#log = log
    this.#options = options
    this.#writer = new BatchWriter(log)
    this.#signal = AbortSignal.any([options.signal, this.#closing.signal])
    this.fence = `${options.outbox}.${options.relayId}`
    this.#epoch =
      log.settings.guarantee === 'at-least-once'
        ? 0
        : log.publishers.open(this.fence, options.relayId)
  }

  async append(batch: PublishBatch, beforeSend: () => void): Promise<AppendResult> {
    await this.#orEnd(async () => this.#reach())
    // What it throws is no failure of the publisher, which stays usable.
    beforeSend()
    return this.#orEnd(async () => {
      if (this.#log.settings.guarantee === 'at-least-once')
        return writeNow(this.#log, this.#writer, batch.records)
      const refusals = this.#writer.refusals(batch.records)
      this.#log.publishers.check(this.fence, this.#epoch)
      if (refusals.length > 0) return { state: 'refused', written: [], acks: [], refusals }
      return this.#stage({ batch, acks: [] })
    })
  }

  close(): Promise<void> {
    this.#ended ??= new BrokerError('away', 'the publisher is closed')
    this.#closing.abort()
    return Promise.resolve()
  }

  #stage(outcome: Outcome): AppendResult {
    const { acks } = outcome
    let aborted = false
    let committed: Promise<void> | undefined
    return {
      state: 'appended',
      acks,
      commit: async () => {
        if (aborted) throw new BrokerError('unknown', 'the batch was taken back')
        return (committed ??= this.#commit(outcome))
      },
      abort: () => {
        aborted = true
        return Promise.resolve()
      },
    }
  }

  #commit({ batch, acks }: Outcome): Promise<void> {
    const commit = this.#lastCommit.then(() =>
      this.#orEnd(async () => {
        await this.#reach()
        const { database, publishers } = this.#log
        const written = database.transaction(() => {
          publishers.check(this.fence, this.#epoch)
          publishers.keep(this.fence, batch.number, batch.ids)
          return this.#writer.write(batch.records)
        })
        acks.push(...written)
        published(this.#log)
      }),
    )
    this.#lastCommit = commit
    // Whoever asked for the commit has the failure; what follows finds the publisher ended.
    commit.catch(() => {})
    return commit
  }

  async #reach(): Promise<void> {
    if (this.#ended !== null) throw this.#ended
    await this.#log.faults.reachInTheEnd(this.#signal, this.#options.onAway)
    if (this.#ended !== null) throw this.#ended
  }

  async #orEnd<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const failure = toBrokerError(error)
      this.#ended ??= failure instanceof BrokerError ? failure : null
      throw failure
    }
  }
}

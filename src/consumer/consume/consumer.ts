import type { Broker } from '../../core/broker.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import type { Codec, LogRecord } from '../../core/codec.ts'
import { reasonOf } from '../../core/errors.ts'
import type { Inbox } from '../../core/inbox.ts'
import type { Logger } from '../../core/logger.ts'
import { wholeNumber } from '../../core/options.ts'
import { openClient } from '../reading/client.ts'
import { Health } from '../reading/health.ts'
import { DAY_MS } from '../reading/reading-options.ts'
import { type ReadPage, Reader } from '../reading/reader.ts'
import { partitionName } from '../reading/start-offsets.ts'
import { DeadLetters } from '../dead-letters.ts'
import { Dispatcher } from './dispatcher.ts'
import { type BatchHandler, Handling } from './handling.ts'
import { InboxCleaner } from './inbox-cleaner.ts'
import type { ConsumeSettings } from './options.ts'
import {
  type ConsumerCounts,
  type ConsumerHealth,
  type ConsumerLag,
  type ConsumerResult,
  healthOf,
  lagOf,
} from './report.ts'

const STOP_TIMEOUT_MS = 25_000
/** How long the last commit may take at least. */
const LAST_COMMIT_MS = 2_000

export interface ConsumerParts {
  readonly broker: Pick<Broker, 'openLog' | 'openProducer'>
  readonly codecFor: (topic: string) => Codec
  readonly logger: Logger
  readonly clock?: Clock
  readonly inbox: Inbox | null
  readonly handler: BatchHandler<never, never>
  /** The records are dead letters. @defaultValue none are */
  readonly redrive?: RedriveRange
  /** Told when the consumer is over. */
  readonly onEnd: (consumer: Consumer) => void
}

/** Which dead letters are given to the handler. */
interface RedriveRange {
  /** Those below, by partition. */
  readonly ends: ReadonlyMap<string, bigint>
  readonly isWanted: (record: LogRecord) => boolean
}

/**
 * Gives the events of topics to a handler. It runs until it is stopped.
 *
 * **Handled.** An event is handled when its handler has ended well, or when its dead letter is
 * acknowledged. A handler that throws is called again, and holds back only what waits for its event.
 * Offsets are committed only below the first event that is not handled.
 *
 * **Rebalance.** What is in hand is finished and committed before the partition goes to another
 * member, for up to `drainTimeout`; what takes longer marks nothing.
 */
export class Consumer implements AsyncDisposable {
  readonly topics: readonly string[]
  readonly group: string
  /**
   * When it has ended. Rejects with what it could not go on with: a `BrokenRecordError`, an
   * `OffsetLostError`, a `BrokerError` of what is forbidden.
   */
  readonly closed: Promise<ConsumerResult>
  readonly #parts: ConsumerParts
  readonly #settings: ConsumeSettings
  readonly #clock: Clock
  readonly #name: string
  readonly #health: Health
  readonly #dispatcher: Dispatcher
  readonly #stopping = new AbortController()
  readonly #deadLetters: DeadLetters | null
  readonly #end: PromiseWithResolvers<ConsumerResult>
  readonly #opening: Promise<Reader | null>
  readonly #onSignal = (): void => void this.stop()
  #reader: Reader | null = null
  #pausedSince: Date | null = null
  #duplicates = 0
  #failure: { readonly error: unknown } | null = null
  #stopped: Promise<ConsumerResult> | null = null

  constructor(parts: ConsumerParts, settings: ConsumeSettings) {
    const { logger, clock = systemClock } = parts
    this.#parts = parts
    this.#settings = settings
    this.#clock = clock
    this.topics = settings.reading.topics
    this.group = settings.group
    this.#name = `consumer of ${this.topics.join(', ')} for ${this.group}`
    this.#health = new Health({ clock, logger, name: this.#name })
    this.#end = Promise.withResolvers()
    this.closed = this.#end.promise
    // Whoever wants to hear of it awaits `closed`; it is logged in any case.
    this.closed.catch(() => {})
    const isRedrive = parts.redrive !== undefined
    const { deadLetter, group } = settings
    this.#deadLetters = deadLetter && new DeadLetters({ ...parts, ...deadLetter, group, isRedrive })
    const handling = new Handling({
      ...parts,
      settings,
      isRedrive,
      onDuplicates: (count) => (this.#duplicates += count),
    })
    this.#dispatcher = new Dispatcher({
      settings,
      clock,
      logger,
      name: this.#name,
      deadLetters: this.#deadLetters,
      call: (run) => handling.call(run),
      heard: () => this.#reader?.heard() ?? null,
      onProgress: () => this.#progressed(),
      onOver: (error) => this.#fail(error),
    })
    const { signal } = settings.reading
    signal?.addEventListener('abort', this.#onSignal, { once: true })
    this.#opening = this.#open()
    if (parts.inbox !== null)
      void this.#cleanerOf(parts.inbox, this.#name).run(this.#stopping.signal)
    if (signal?.aborted === true) this.#onSignal()
  }

  /**
   * Gives nothing more to the handler, waits for what is in hand, commits, and leaves the group.
   * What has not ended after `timeout` milliseconds (25,000) is abandoned: it comes again. A handler
   * that stops its own consumer must not await it: that waits for the handler.
   */
  stop({ timeout = STOP_TIMEOUT_MS }: { readonly timeout?: number } = {}): Promise<ConsumerResult> {
    wholeNumber('stop.timeout', timeout, { min: 0, max: DAY_MS })
    this.#stopped ??= this.#stop(timeout)
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Stops, for as long as `drainTimeout` lasts. */
  async close(): Promise<void> {
    await this.stop({ timeout: this.#settings.reading.drainTimeout })
  }

  /** Gives nothing more to the handler until `resume`; the partitions stay this consumer's. */
  pause(): void {
    this.#pausedSince ??= new Date(this.#clock.now())
    this.#dispatcher.pause()
  }

  resume(): void {
    this.#pausedSince = null
    this.#dispatcher.resume()
    this.#takePages()
  }

  /** How far each partition of this consumer is handled, as of the last fetch. */
  lag(): readonly ConsumerLag[] {
    return Array.from(this.#reader?.marks() ?? [], (mark) => lagOf(mark, this.#dispatcher))
  }

  health(): ConsumerHealth {
    return healthOf(this.#health.current, this.#dispatcher, this.#pausedSince)
  }

  counts(): ConsumerCounts {
    const { handled, dead, skipped } = this.#dispatcher
    return { handled, dead, skipped, duplicates: this.#duplicates }
  }

  /** Nobody waits for it: a database that hangs holds up no stop. */
  #cleanerOf(inbox: Inbox, name: string): InboxCleaner {
    return new InboxCleaner({ inbox, name, clock: this.#clock, logger: this.#parts.logger })
  }

  /** `null` where it is stopped before, or can't be opened. */
  async #open(): Promise<Reader | null> {
    const { logger } = this.#parts
    const { signal } = this.#stopping
    try {
      const client = await openClient(
        { ...this.#parts, clock: this.#clock, health: this.#health },
        { group: this.group, signal },
      )
      if (client === null) return null
      this.#reader = Reader.start({
        client,
        logger,
        clock: this.#clock,
        health: this.#health,
        settings: this.#settings.reading,
        onReady: () => this.#takePages(),
        onEpoch: (what) => this.#epochEnded(what),
        isFull: (mark) => this.#dispatcher.backlog.isFull(mark),
      })
      return this.#reader
    } catch (error) {
      if (!signal.aborted) this.#fail(error)
      return null
    }
  }

  #takePages(): void {
    const reader = this.#reader
    if (reader === null || this.#stopping.signal.aborted) return
    try {
      while (this.#dispatcher.isHungry) {
        const pages = reader.take()
        if (pages === null) break
        for (const page of pages)
          if (page.epoch === reader.epoch) this.#dispatcher.backlog.add(this.#wanted(page))
        this.#dispatcher.start()
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  #wanted(read: ReadPage): ReadPage {
    const { redrive } = this.#parts
    if (redrive === undefined) return read
    const { page } = read
    const end = redrive.ends.get(partitionName(read.mark)) ?? page.nextOffset
    const records = page.records.filter((one) => one.offset < end && redrive.isWanted(one))
    // An end below the mark moves nothing.
    return { ...read, page: { ...page, records, nextOffset: min(end, page.nextOffset) } }
  }

  #progressed(): void {
    this.#reader?.progressed()
    this.#takePages()
  }

  #epochEnded(what: 'draining' | 'over'): void {
    if (what === 'draining') this.#dispatcher.drain()
    else this.#dispatcher.abandon()
    if (this.#stopping.signal.aborted) this.#dispatcher.drain()
  }

  #fail(error: unknown): void {
    if (this.#stopping.signal.aborted) return
    this.#parts.logger.error(`oncommit: ${this.#name} can not go on: ${reasonOf(error)}`)
    this.#failure = { error }
    void this.close()
  }

  async #stop(timeoutMs: number): Promise<ConsumerResult> {
    const { logger, onEnd } = this.#parts
    this.#settings.reading.signal?.removeEventListener('abort', this.#onSignal)
    this.#stopping.abort()
    this.#dispatcher.drain()
    const reader = await this.#opening
    let abandoned = 0
    try {
      await reader?.drained(AbortSignal.timeout(timeoutMs))
      abandoned = this.#dispatcher.abandon()
      this.#dispatcher.close()
      await reader?.close(AbortSignal.timeout(Math.max(timeoutMs, LAST_COMMIT_MS)))
    } catch (error) {
      logger.error(`oncommit: ${this.#name} did not end well: ${reasonOf(error)}`)
    }
    this.#deadLetters?.close()
    this.#health.enter('stopped')
    const result = { ...this.counts(), abandoned }
    onEnd(this)
    if (this.#failure === null) this.#end.resolve(result)
    else this.#end.reject(this.#failure.error)
    return result
  }
}

function min(one: bigint, other: bigint): bigint {
  return one < other ? one : other
}

import type { Broker } from '../../core/broker.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import type { Codec } from '../../core/codec.ts'
import { reasonOf } from '../../core/errors.ts'
import type { Inbox } from '../../core/inbox.ts'
import type { LogClient } from '../../core/log.ts'
import type { Logger } from '../../core/logger.ts'
import { wholeNumber } from '../../core/options.ts'
import { closeClient } from '../close-client.ts'
import type { PartitionLag } from '../event-stream.ts'
import { Health, type StreamHealth } from '../health.ts'
import type { PartitionMark } from '../marks.ts'
import { Patience } from '../patience.ts'
import { type ReadPage, Reader } from '../reader.ts'
import { partitionName } from '../start-offsets.ts'
import { DeadLetters } from './dead-letters.ts'
import { Dispatcher } from './dispatcher.ts'
import { type BatchHandler, Handling } from './handling.ts'
import type { ConsumeSettings } from './options.ts'
import type { HeldEvent } from './troubles.ts'

const STOP_TIMEOUT_MS = 25_000
/** How long the last commit may take at least. */
const LAST_COMMIT_MS = 2_000

export interface ConsumerParts {
  readonly broker: Pick<Broker, 'openLog' | 'openProducer'>
  readonly codecFor: (topic: string) => Codec
  readonly logger: Logger
  readonly clock?: Clock
  readonly inbox: Inbox | null
  readonly handler: BatchHandler<never>
  /** The records are dead letters, of which those below these offsets are wanted. @defaultValue none are */
  readonly redriveTo?: ReadonlyMap<string, bigint>
  /** Told when the consumer is over. */
  readonly onEnd: () => void
}

export interface ConsumerHealth {
  /**
   * A stream's states, and: `paused` by `pause()`, `blocked` where an event fails again and again,
   * `stuck` where a handler does not end. `reconnecting` where the inbox's database is away, too.
   */
  readonly state: StreamHealth['state'] | 'paused' | 'blocked' | 'stuck'
  /** When it came into this state. */
  readonly since: Date
  /** Which event it is that is blocked or stuck. */
  readonly event: HeldEvent | null
}

export interface ConsumerLag extends PartitionLag {
  /** Since when the first event that is not handled lies there; `null` where none is known. */
  readonly oldest: Date | null
}

/** What a consumer did. */
export interface ConsumerResult {
  /** Events that were handled, duplicates and skipped ones included. */
  readonly handled: number
  /** Events whose handler had not ended when the consumer did: they come again. */
  readonly abandoned: number
  /** Events that became dead letters. */
  readonly dead: number
  /** Events that the inbox knew, and that were not given to the handler. */
  readonly duplicates: number
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
  readonly #health: Health
  readonly #dispatcher: Dispatcher
  readonly #stopping = new AbortController()
  /** Aborted when nothing is written any more. */
  readonly #ended = new AbortController()
  readonly #end: PromiseWithResolvers<ConsumerResult>
  readonly #opening: Promise<Reader | null>
  readonly #onSignal = (): void => void this.stop()
  #reader: Reader | null = null
  #deadLetters: Promise<DeadLetters> | null = null
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
    const name = `consumer of ${this.topics.join(', ')} for ${this.group}`
    this.#health = new Health({ clock, logger, name })
    this.#end = Promise.withResolvers()
    this.closed = this.#end.promise
    // Whoever wants to hear of it awaits `closed`; it is logged in any case.
    this.closed.catch(() => {})
    const handling = new Handling({
      settings,
      codecFor: parts.codecFor,
      handler: parts.handler,
      inbox: parts.inbox,
      isRedrive: parts.redriveTo !== undefined,
      onDuplicates: (count) => (this.#duplicates += count),
    })
    this.#dispatcher = new Dispatcher({
      settings,
      clock,
      logger,
      name,
      deadLetters:
        settings.deadLetter === null ? null : { send: async (...letter) => this.#bury(...letter) },
      call: (run) => handling.call(run),
      heard: () => this.#reader?.heard() ?? null,
      onProgress: () => this.#progressed(),
      onOver: (error) => this.#fail(error),
    })
    const { signal } = settings.reading
    signal?.addEventListener('abort', this.#onSignal, { once: true })
    this.#opening = this.#open()
    if (signal?.aborted === true) this.#onSignal()
  }

  /**
   * Gives nothing more to the handler, waits for what is in hand, commits, and leaves the group.
   * What has not ended after `timeout` milliseconds (25,000) is abandoned: it comes again.
   */
  stop({ timeout = STOP_TIMEOUT_MS }: { readonly timeout?: number } = {}): Promise<ConsumerResult> {
    wholeNumber('stop.timeout', timeout, { min: 0, max: 86_400_000 })
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
    return Array.from(this.#reader?.marks() ?? [], (mark) => this.#lagOf(mark))
  }

  health(): ConsumerHealth {
    const { state, since } = this.#health.current
    const { runs, troubles } = this.#dispatcher
    if (state === 'stopped' || state === 'reconnecting') return { state, since, event: null }
    if (troubles.awaySince !== null)
      return { state: 'reconnecting', since: troubles.awaySince, event: null }
    const { stuck } = runs
    if (stuck !== undefined) {
      const at = new Date(stuck.startedAt + this.#settings.timeout)
      return { state: 'stuck', since: at, event: troubles.describe(stuck.entries[0], null) }
    }
    const blocked = troubles.firstBlocked
    if (blocked !== null) return { state: 'blocked', ...blocked }
    if (this.#pausedSince !== null && state === 'running')
      return { state: 'paused', since: this.#pausedSince, event: null }
    return { state, since, event: null }
  }

  #lagOf(mark: PartitionMark): ConsumerLag {
    const { topic, partition, offset, endOffset } = mark
    const behind = endOffset === null ? null : endOffset - offset
    const [first] = this.#dispatcher.backlog.of(mark)?.unhandled ?? []
    return {
      topic,
      partition,
      mark: offset,
      lag: behind !== null && behind < 0n ? 0n : behind,
      oldest: first === undefined ? null : new Date(first.record.timestamp),
    }
  }

  /** `null` where it is stopped before, or can't be opened. */
  async #open(): Promise<Reader | null> {
    const { logger } = this.#parts
    const { signal } = this.#stopping
    try {
      const client = await new Patience(this.#clock, this.#health).ask(
        { asking: 'reading', signal },
        () => this.#connect(),
      )
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

  /** A client that comes when nobody waits for it any longer is closed here: nobody else could. */
  async #connect(): Promise<LogClient> {
    const { broker, logger } = this.#parts
    const { signal } = this.#stopping
    const client = await broker.openLog({ clientId: `oncommit-${this.group}` })
    if (!signal.aborted) return client
    await closeClient(client, logger)
    throw signal.reason
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
    const end = this.#parts.redriveTo?.get(partitionName(read.mark))
    const { page } = read
    if (end === undefined || page.nextOffset <= end) return read
    // An end below the mark moves nothing.
    const records = page.records.filter(({ offset }) => offset < end)
    return { ...read, page: { ...page, records, nextOffset: end } }
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

  async #bury(...[entry, error]: Parameters<DeadLetters['send']>): Promise<void> {
    this.#deadLetters ??= this.#openDeadLetters()
    await (await this.#deadLetters).send(entry, error)
  }

  async #openDeadLetters(): Promise<DeadLetters> {
    const { broker, logger, redriveTo } = this.#parts
    const producer = await broker.openProducer({
      clientId: `oncommit-${this.group}-dead`,
      signal: this.#ended.signal,
      onAway: (away) => {
        if (away !== null)
          logger.warn(`oncommit: a dead letter waits for the broker: ${reasonOf(away)}`)
      },
    })
    const topic = this.#settings.deadLetter?.topic ?? null
    return new DeadLetters({
      producer,
      group: this.group,
      topic,
      isRedrive: redriveTo !== undefined,
    })
  }

  #fail(error: unknown): void {
    if (this.#stopping.signal.aborted) return
    const what = `consumer of ${this.topics.join(', ')} for ${this.group}`
    this.#parts.logger.error(`oncommit: ${what} can not go on: ${reasonOf(error)}`)
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
      logger.error(`oncommit: a consumer did not end well: ${reasonOf(error)}`)
    }
    // That closes the producer of dead letters.
    this.#ended.abort()
    this.#health.enter('stopped')
    const { handled, dead } = this.#dispatcher
    const result = { handled, abandoned, dead, duplicates: this.#duplicates }
    onEnd()
    if (this.#failure === null) this.#end.resolve(result)
    else this.#end.reject(this.#failure.error)
    return result
  }
}

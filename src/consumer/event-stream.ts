import type { Broker } from '../core/broker.ts'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/clock.ts'
import type { Codec, DecodedEvent, LogRecord } from '../core/codec.ts'
import { BrokenRecordError, StreamInUseError, reasonOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Delivery } from './marks.ts'
import { streamSettings } from './options.ts'
import type { StreamOptions, StreamSettings } from './options.ts'
import { Reader } from './reader.ts'
import type { ReadPage } from './reader.ts'
import { ReceivedEvent } from './received-event.ts'

const DONE = { done: true, value: undefined } as const

export interface StreamParts {
  readonly broker: Pick<Broker, 'openLog'>
  readonly codecFor: (topic: string) => Codec
  readonly logger: Logger
  readonly clock?: Clock
  /** Told when the stream is over. */
  readonly onEnd?: () => void
}

/** How far one partition is read. */
export interface PartitionLag {
  readonly topic: string
  readonly partition: number
  /** Everything below it is handled. */
  readonly mark: bigint
  /** Records between the mark and the end of the partition; `null` before the first fetch. */
  readonly lag: bigint | null
}

export interface StreamHealth {
  readonly state: 'starting' | 'running' | 'reconnecting' | 'rebalancing' | 'stopped'
}

/**
 * The events of topics, for one `for await`.
 *
 * **Handled.** Asking for the next event marks those before it handled. Leaving the loop in any way
 * (`break`, `return`, `throw`) does not: the event in hand comes again, unless `await event.ack()`
 * said otherwise. Offsets are committed only below the first event that is not handled.
 *
 * **Ends.** `break`, `signal`, `unsubscribe` and `close` commit what is handled, leave the group and
 * close the connections. An outage of the broker never ends the loop.
 */
export class EventStream implements AsyncIterableIterator<ReceivedEvent>, AsyncDisposable {
  readonly topics: readonly string[]
  readonly group: string | null
  readonly #parts: StreamParts
  readonly #settings: StreamSettings
  readonly #closing = new AbortController()
  readonly #onSignal = (): void => void this.close()
  #reader: Reader | null = null
  #reading: Promise<void> | null = null
  #committing: NodeJS.Timeout | null = null
  #pages: ReadPage[] = []
  #at = 0
  #current: Delivery | null = null
  #pageEnded = false
  #iterated = false
  #asked = false
  #wake: (() => void) | null = null
  #leaving = false
  #ended: Promise<void> | null = null

  constructor(parts: StreamParts, topics: string | readonly string[], options?: StreamOptions) {
    this.#parts = parts
    this.#settings = streamSettings(topics, options)
    this.topics = this.#settings.topics
    this.group = this.#settings.group
    this.#settings.signal?.addEventListener('abort', this.#onSignal, { once: true })
  }

  [Symbol.asyncIterator](): this {
    if (this.#iterated) throw new StreamInUseError('a stream is iterated once: open another one')
    this.#iterated = true
    return this
  }

  /** The next event; everything handed out before is handled by that, unless acks are manual. */
  next(): Promise<IteratorResult<ReceivedEvent, undefined>> {
    if (this.#asked) {
      return Promise.reject(new StreamInUseError('a stream is asked for one event at a time'))
    }
    if (this.#settings.ack === 'loop') this.#handleCurrent()
    if (this.#settings.commit === 'auto' && !this.#leaving) {
      try {
        const event = this.#nextFetched()
        if (event !== null) return Promise.resolve({ done: false, value: event })
      } catch (error) {
        return this.#endWith(error)
      }
    }
    return this.#nextWhenReady()
  }

  /** Ends the stream; what is in hand is not handled and comes again. */
  async return(): Promise<IteratorResult<ReceivedEvent, undefined>> {
    this.#leaving = true
    this.#wake?.()
    await this.#end()
    return DONE
  }

  /** Hands nothing more out, lets what is in hand finish for `drainTimeout`, and ends the stream. */
  async close(): Promise<void> {
    this.#leaving = true
    this.#wake?.()
    if (!this.#asked) await this.#reader?.drained(AbortSignal.timeout(this.#settings.drainTimeout))
    await this.#end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** How far each partition of this stream is read. */
  lag(): readonly PartitionLag[] {
    return Array.from(this.#reader?.marks() ?? [], ({ topic, partition, offset, endOffset }) => {
      const behind = endOffset === null ? null : endOffset - offset
      return { topic, partition, mark: offset, lag: behind !== null && behind < 0n ? 0n : behind }
    })
  }

  health(): StreamHealth {
    if (this.#ended !== null) return { state: 'stopped' }
    return { state: this.#reader?.state ?? 'starting' }
  }

  /** @internal For `ReceivedEvent.ack`. */
  async acknowledge(delivery: Delivery): Promise<void> {
    delivery.of.handle(delivery)
    if (this.#current === delivery) this.#current = null
    this.#reader?.handled()
    if (this.#settings.commit === 'message') await this.#reader?.commit()
  }

  async #nextWhenReady(): Promise<IteratorResult<ReceivedEvent, undefined>> {
    this.#asked = true
    try {
      const reader = (this.#reader ??= await this.#open())
      for (;;) {
        await this.#commitBeforeNext(reader)
        if (this.#leaving) return await this.#endWith(null)
        reader.throwIfFailed()
        const event = this.#nextFetched()
        if (event !== null) return { done: false, value: event }
        if (!this.#pageEnded) await this.#morePages(reader)
      }
    } catch (error) {
      return await this.#endWith(error)
    } finally {
      this.#asked = false
    }
  }

  async #open(): Promise<Reader> {
    const { broker, logger, clock = systemClock } = this.#parts
    const client = await broker.openLog({ clientId: `oncommit-${this.group ?? 'reader'}` })
    const reader = new Reader({
      client,
      logger,
      clock,
      settings: this.#settings,
      closed: this.#closing.signal,
      onReady: () => this.#wake?.(),
    })
    this.#reading = reader.run()
    if (this.group !== null && this.#settings.commit === 'auto') {
      this.#committing = setInterval(
        () => void this.#commitQuietly(reader),
        this.#settings.commitInterval,
      )
    }
    return reader
  }

  async #commitQuietly(reader: Reader): Promise<void> {
    try {
      await reader.commit()
    } catch (error) {
      this.#parts.logger.warn(`oncommit: a commit failed, and is made again: ${reasonOf(error)}`)
    }
  }

  async #commitBeforeNext(reader: Reader): Promise<void> {
    const { commit } = this.#settings
    const due = commit === 'message' || (commit === 'batch' && this.#pageEnded)
    this.#pageEnded = false
    if (due) await reader.commit()
  }

  /** Resolves when there are pages, or when the stream fails or ends. */
  async #morePages(reader: Reader): Promise<void> {
    const pages = reader.take()
    if (pages !== null) {
      this.#pages = pages
      this.#at = 0
      return
    }
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = null
  }

  #handleCurrent(): void {
    const current = this.#current
    if (current === null) return
    this.#current = null
    current.of.handle(current)
    this.#reader?.handled()
  }

  /** The next event of the pages in hand; `null` where there is none, or something is due before it. */
  #nextFetched(): ReceivedEvent | null {
    for (let own = this.#pages[0]; own !== undefined; own = this.#pages[0]) {
      if (own.epoch !== this.#reader?.epoch) {
        this.#pages = []
        return null
      }
      const record = own.page.records[this.#at]
      if (record !== undefined) return this.#hand(own, record)
      own.mark.pass(own.page.nextOffset)
      this.#pages.shift()
      this.#at = 0
      if (this.#settings.commit === 'batch') {
        this.#pageEnded = true
        return null
      }
    }
    return null
  }

  #hand({ mark, page }: ReadPage, record: LogRecord): ReceivedEvent {
    const { topic, partition } = page
    let decoded: DecodedEvent
    try {
      decoded = this.#parts.codecFor(topic).decode(record, topic)
    } catch (cause) {
      const { offset, key, value } = record
      throw new BrokenRecordError({ topic, partition, offset, key, value }, { cause })
    }
    this.#at += 1
    const delivery = mark.deliver(record.offset)
    if (this.#settings.ack === 'loop') this.#current = delivery
    return new ReceivedEvent(delivery, decoded, record.timestamp, this)
  }

  async #endWith(error: unknown): Promise<IteratorResult<ReceivedEvent, undefined>> {
    this.#leaving = true
    await this.#end()
    if (error !== null) throw error
    return DONE
  }

  #end(): Promise<void> {
    this.#ended ??= this.#finish()
    return this.#ended
  }

  async #finish(): Promise<void> {
    this.#settings.signal?.removeEventListener('abort', this.#onSignal)
    if (this.#committing !== null) clearInterval(this.#committing)
    this.#pages = []
    this.#closing.abort()
    const reader = this.#reader
    if (reader !== null) {
      await reader
        .commit(AbortSignal.timeout(this.#settings.drainTimeout))
        .catch((error: unknown) =>
          this.#parts.logger.warn(`oncommit: the last commit failed: ${reasonOf(error)}`),
        )
      await reader.leave()
      await this.#reading
    }
    this.#parts.onEnd?.()
  }
}

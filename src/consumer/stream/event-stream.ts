import type { Readable } from 'node:stream'
import type { Broker } from '../../core/broker.ts'
import { systemClock } from '../../core/clock.ts'
import type { Clock } from '../../core/clock.ts'
import type { Codec } from '../../core/codec.ts'
import { StreamInUseError, reasonOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { BrokenRecords, type DeadLetter, requireDeadLetters } from './broken-records.ts'
import { openClient } from '../reading/client.ts'
import { noCounts, type StreamCounts } from './counts.ts'
import { Health, type StreamHealth } from '../reading/health.ts'
import { HandedOver, isInHandHere } from './in-hand.ts'
import { intakeOf } from './intake/intake-of.ts'
import type { Intake } from './intake/intake.ts'
import { type PartitionLag, partitionLag } from '../reading/lag.ts'
import type { Delivery } from '../reading/marks.ts'
import { streamSettings } from './options.ts'
import type { StreamOptions, StreamSettings } from './options.ts'
import { PagesInHand } from './pages-in-hand.ts'
import { Patience, unlessAborted } from '../reading/patience.ts'
import { readableOf } from './readable.ts'
import { Reader } from '../reading/reader.ts'
import type { ReceivedEvent } from '../received-event.ts'
import { Turn } from '../reading/turn.ts'

const DONE = { done: true, value: undefined } as const
const SETTLED = Promise.resolve()
/** How long the last commit may take at least. */
const LAST_COMMIT_MS = 2_000

export interface StreamParts {
  readonly broker: Pick<Broker, 'openLog'>
  readonly codecFor: (topic: string) => Codec
  readonly logger: Logger
  readonly clock?: Clock
  /** Where records go that `onBroken` makes dead letters. */
  readonly deadLetter?: DeadLetter
  /** Told when the stream is over. */
  readonly onEnd?: () => void
}

/**
 * The events of topics, for one `for await`. It starts with the first `next()`.
 *
 * **Handled.** Asking for the next event marks those before it handled. Leaving the loop in any way
 * (`break`, `return`, `throw`) does not: the event in hand comes again, unless `await event.ack()`
 * said otherwise. Offsets are committed only below the first event that is not handled.
 *
 * **Ends.** `break`, `signal`, `unsubscribe` and `close` commit what is handled, leave the group and
 * close the connections. An outage of the broker never ends the loop, and an unknown topic is
 * waited for. `next()` throws where no waiting helps: a `BrokerError` of what is forbidden or
 * misconfigured, an `OffsetLostError`, a `BrokenRecordError`.
 */
export class EventStream<T = unknown>
  implements AsyncIterableIterator<ReceivedEvent<T>>, AsyncDisposable
{
  readonly topics: readonly string[]
  readonly group: string | null
  readonly #parts: StreamParts
  readonly #clock: Clock
  readonly #settings: StreamSettings
  readonly #health: Health
  readonly #counts = noCounts()
  readonly #intake: Intake
  readonly #hand: PagesInHand
  /** Aborted when it is to hand nothing more out. */
  readonly #leaving = new AbortController()
  /** Aborted when what is in hand is not waited for any longer. */
  readonly #abandoning = new AbortController()
  readonly #onSignal = (): void => void this.#endOnce()
  readonly #onFree = (): void => void (this.#isAsked = false)
  readonly #turn = new Turn()
  #opening: Promise<Reader | null> | null = null
  #reader: Reader | null = null
  #current: Delivery | null = null
  #isIterated = false
  #ack: StreamSettings['ack']
  #isAsked = false
  #wake: (() => void) | null = null
  #ended: Promise<void> | null = null

  constructor(parts: StreamParts, topics: string | readonly string[], options?: StreamOptions) {
    const { logger, clock = systemClock } = parts
    this.#parts = parts
    this.#clock = clock
    this.#settings = streamSettings(topics, options)
    this.topics = this.#settings.topics
    this.group = this.#settings.group
    const name = `stream of ${this.topics.join(', ')}`
    this.#health = new Health({
      clock,
      logger,
      name: this.group === null ? name : `${name} for ${this.group}`,
    })
    const { signal, onBroken, ack, commit, backpressure } = this.#settings
    requireDeadLetters(onBroken, parts.deadLetter)
    this.#ack = ack
    this.#intake = intakeOf(backpressure, this.#counts)
    this.#hand = new PagesInHand({
      codecFor: parts.codecFor,
      intake: this.#intake,
      acknowledger: { acknowledge: (delivery) => this.#acknowledge(delivery) },
      stopsAtEnds: commit === 'batch',
      onDelivered: (delivery) => {
        if (this.#ack === 'loop') this.#current = delivery
      },
      brokenRecords: new BrokenRecords({
        onBroken,
        deadLetter: parts.deadLetter,
        counts: this.#counts,
        patience: new Patience(clock, this.#health),
      }),
    })
    signal?.addEventListener('abort', this.#onSignal, { once: true })
    if (signal?.aborted === true) this.#onSignal()
  }

  [Symbol.asyncIterator](): this {
    if (this.#isIterated) throw new StreamInUseError('a stream is iterated once: open another one')
    this.#isIterated = true
    return this
  }

  /**
   * The events as a `Readable` of objects, for pipelines. It reads ahead, so acks are manual,
   * whatever `ack` says: only `await event.ack()` marks an event handled. Destroying it ends the stream.
   */
  readable(): Readable {
    this[Symbol.asyncIterator]()
    this.#ack = 'manual'
    return readableOf(this)
  }

  /** The next event; everything handed out before is handled by that, unless acks are manual. */
  next(): Promise<IteratorResult<ReceivedEvent<T>, undefined>> {
    if (this.#isAsked)
      return Promise.reject(new StreamInUseError('a stream is asked for one event at a time'))
    this.#isAsked = true
    if (this.#current !== null) this.#handleCurrent(this.#current)
    const isReady = this.#reader?.heard() === null && !this.#turn.isOver
    if (isReady && this.#reader !== null && this.#settings.commit !== 'message') {
      const event = this.#hand.next(this.#reader)
      if (event !== null) {
        // In time for whoever awaits this event, too late for who asks for two at once.
        void SETTLED.then(this.#onFree)
        return Promise.resolve(this.#handOver(event))
      }
    }
    return this.#nextWhenReady().finally(this.#onFree)
  }

  /** Ends the stream at once; what is in hand is not handled, and comes again. */
  async return(): Promise<IteratorResult<ReceivedEvent<T>, undefined>> {
    this.#abandoning.abort()
    await this.close()
    return DONE
  }

  /**
   * Hands nothing more out, lets what is in hand finish for `drainTimeout`, and ends the stream.
   *
   * The loop's own body may call it. The event in hand can't be waited for then, so that the call,
   * awaited or not, hands it back, as `break` does, whatever `commit` says: it is not handled and
   * comes again, also where the body finishes it afterwards. Those before it are handled: with
   * `'message'` they were committed before it came, with `'auto'` and `'batch'` that is done here.
   * `await event.ack()` before says that it is handled, too: `'message'` commits it at once, the
   * others commit it here. With manual acks only `ack()` ends the wait.
   *
   * To end behind the event in hand from within the loop, abort the `signal`, or call
   * `unsubscribe` or the bus's `close` without awaiting them there: they wait for that event.
   */
  close(): Promise<void> {
    if (this.#current !== null && isInHandHere(this.#current)) this.#abandoning.abort()
    return this.#endOnce()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** How far each partition of this stream is read, as of the last fetch. */
  lag(): readonly PartitionLag[] {
    return Array.from(this.#reader?.marks() ?? [], partitionLag)
  }

  /** What became of records that were not handed out as they are. */
  counts(): StreamCounts {
    return { ...this.#counts }
  }

  health(): StreamHealth {
    return this.#health.current
  }

  async #acknowledge(delivery: Delivery): Promise<void> {
    delivery.of.handle(delivery)
    if (this.#current === delivery) this.#current = null
    this.#reader?.progressed()
    if (this.#settings.commit === 'message') await this.#reader?.commit()
  }

  #handleCurrent(current: Delivery): void {
    this.#current = null
    current.of.handle(current)
    this.#reader?.progressed()
  }

  async #nextWhenReady(): Promise<IteratorResult<ReceivedEvent<T>, undefined>> {
    const { signal: leaving } = this.#leaving
    try {
      while (!leaving.aborted) {
        const reader = this.#reader ?? (await (this.#opening ??= this.#open()))
        if (reader === null) break
        await this.#commitBeforeNext(reader)
        for (let heard = reader.heard(); heard !== null; heard = reader.heard())
          await unlessAborted(heard, leaving)
        if (this.#turn.isOver) await this.#turn.next()
        const event = this.#hand.next(reader)
        if (event !== null) return this.#handOver(event)
        if (this.#hand.isBroken) {
          const mended = await this.#hand.settle(reader, leaving)
          if (mended !== null) return this.#handOver(mended)
        } else if (!this.#hand.isPageEnded) await this.#morePages(reader)
      }
    } catch (error) {
      if (!leaving.aborted) {
        this.#abandoning.abort()
        await this.close()
        throw error
      }
    }
    await this.close()
    return DONE
  }

  async #open(): Promise<Reader | null> {
    const { logger } = this.#parts
    const { signal } = this.#leaving
    const parts = { ...this.#parts, clock: this.#clock, health: this.#health }
    const client = await openClient(parts, { group: this.group, signal })
    if (client === null) return null
    this.#reader = Reader.start({
      client,
      logger,
      clock: this.#clock,
      health: this.#health,
      settings: this.#settings,
      onReady: () => {
        if (this.#reader !== null) this.#intake.arrived(this.#reader)
        this.#wake?.()
      },
    })
    return this.#reader
  }

  async #commitBeforeNext(reader: Reader): Promise<void> {
    const { commit } = this.#settings
    const isPageEnded = this.#hand.takeEnd()
    if (commit === 'message' || (commit === 'batch' && isPageEnded)) await reader.commit()
  }

  /** Resolves when there are pages, or when the stream ends. Throws what ended the reading. */
  async #morePages(reader: Reader): Promise<void> {
    if (this.#leaving.signal.aborted) return
    if (this.#hand.refill(reader)) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = null
  }

  #handOver(unread: ReceivedEvent): IteratorYieldResult<ReceivedEvent<T>> {
    // The codec of a typed topic has seen to it.
    const event = unread as ReceivedEvent<T>
    if (this.#current === null) return { done: false, value: event }
    return new HandedOver(event, this.#current)
  }

  #endOnce(): Promise<void> {
    this.#ended ??= this.#end()
    return this.#ended
  }

  async #end(): Promise<void> {
    this.#settings.signal?.removeEventListener('abort', this.#onSignal)
    this.#leaving.abort()
    if (this.#reader !== null) this.#hand.end(this.#reader.epoch)
    this.#wake?.()
    try {
      const reader = await this.#opening
      if (reader !== null) await this.#leave(reader)
    } catch (error) {
      // Whoever asked for an event heard why the stream did not open.
      this.#parts.logger.debug(`oncommit: a stream that did not open has ended: ${reasonOf(error)}`)
    } finally {
      this.#health.enter('stopped')
      this.#parts.onEnd?.()
    }
  }

  async #leave(reader: Reader): Promise<void> {
    const { drainTimeout } = this.#settings
    const { signal: abandoning } = this.#abandoning
    await reader.drained(AbortSignal.any([abandoning, AbortSignal.timeout(drainTimeout)]))
    await reader.close(AbortSignal.timeout(Math.max(drainTimeout, LAST_COMMIT_MS)))
  }
}

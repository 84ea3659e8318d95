import { backoffMs } from '../core/backoff.ts'
import type { Broker } from '../core/broker.ts'
import { systemClock } from '../core/clock.ts'
import type { Clock } from '../core/clock.ts'
import type { Codec } from '../core/codec.ts'
import { BrokerError, OncommitError, StoreError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { OutboxStore } from '../core/outbox-store.ts'
import { Cleaner } from './cleaner.ts'
import { closeQuietly } from './close-quietly.ts'
import { Incarnation } from './incarnation.ts'
import type { IncarnationContext } from './incarnation.ts'
import { relaySettings } from './options.ts'
import type { RelayOptions, RelaySettings } from './options.ts'
import { OutageLog } from './outage-log.ts'
import { WaitingReports } from './waiting-reports.ts'
import { WakeUp } from './wake-up.ts'

const RETRY = { firstMs: 100, maxMs: 30_000, jitter: 0.2 }
const STARTING = 'the relay can not work, events wait'
const UNKNOWN_FOR_LONG_MS = 60_000
const START_TIMEOUT_MS = 30_000

export interface RelayParts {
  readonly store: OutboxStore
  readonly broker: Broker
  readonly codecFor: (topic: string) => Codec
  readonly logger: Logger
  readonly clock?: Clock
  readonly onStopped?: () => void
}

/** What a relay is doing. */
export interface RelayStatus {
  /** `waiting`: for the broker or the database. `standby`: others work, it waits to replace one. */
  readonly state: 'starting' | 'running' | 'standby' | 'waiting' | 'stopping' | 'stopped'
  /** Its id in the table `relays`, where it is enrolled. */
  readonly relayId: string | null
  readonly lanes: readonly number[]
  /** What waits on its lanes: keys behind an event of theirs that was refused, and topics that can't be written to. */
  readonly blocked: { readonly keys: number; readonly topics: readonly string[] }
  /** Events published and settled since the start. */
  readonly published: number
  /** What fails right now, and for how long. */
  readonly failing: readonly {
    readonly what: string
    readonly sinceMs: number
    readonly error: string
  }[]
}

/**
 * Publishes what was committed to an outbox, until it is stopped.
 *
 * It lives in incarnations (see there). When one is lost, or the broker or the database can't be
 * had, the next begins after a back-off: at once the first time, up to 30 s apart, for ever.
 */
export class Relay implements AsyncDisposable {
  readonly #parts: RelayParts
  readonly #settings: RelaySettings
  readonly #outages: OutageLog
  readonly #wakeUp: WakeUp
  readonly #waiting: WaitingReports
  readonly #stopping = new AbortController()
  #incarnation: Incarnation | null = null
  #published = 0
  #unknownSince: number | null = null
  #starting: Promise<void> | null = null
  #running: Promise<void> | null = null
  #stopped: Promise<void> | null = null
  #over = false

  constructor(parts: RelayParts, options: RelayOptions = {}) {
    this.#parts = parts
    this.#settings = relaySettings(options)
    this.#outages = new OutageLog(parts.logger, parts.clock ?? systemClock)
    this.#wakeUp = new WakeUp(this.#settings.pollIntervalMs)
    const { store, clock = systemClock } = parts
    this.#waiting = new WaitingReports({ store, outages: this.#outages, clock })
  }

  /**
   * Resolves when the relay works, or, where the broker is away, waits for it. Rejects, with the
   * relay stopped, on what waiting can't mend: no tables, an unsafe database, a right that the
   * broker misses.
   */
  start(): Promise<void> {
    if (this.#stopped !== null) {
      return Promise.reject(
        new OncommitError('ONCOMMIT_STOPPED', 'a relay that was stopped does not start again'),
      )
    }
    this.#starting ??= this.#start()
    return this.#starting
  }

  /** Events may have been sent: look now. */
  wake(): void {
    this.#wakeUp.notify()
  }

  get status(): RelayStatus {
    const own = this.#incarnation?.state
    return {
      state: this.#state(own?.standsBy),
      relayId: this.#incarnation?.id ?? null,
      lanes: own?.lanes ?? [],
      blocked: own?.blocked ?? { keys: 0, topics: [] },
      published: this.#published,
      failing: this.#outages.current(),
    }
  }

  /** Finishes what is in hand, gives its lanes back and ends. May be called at any time, and again. */
  stop(): Promise<void> {
    this.#stopping.abort()
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #start(): Promise<void> {
    let listening: AsyncDisposable | undefined
    try {
      listening = await this.#connect()
      this.#running = this.#run(await this.#begin(), listening)
    } catch (error) {
      this.#over = true
      if (listening !== undefined) await closeQuietly(listening)
      throw error
    }
  }

  /** Checks the store and hears of its commits from then on; rejects where it does not answer in time. */
  async #connect(): Promise<AsyncDisposable> {
    const { store, clock = systemClock } = this.#parts
    const enough = new AbortController()
    const listening = store.check().then(async () => store.listen(() => this.wake()))
    const late = clock.sleep(START_TIMEOUT_MS, enough.signal).then(() => null)
    try {
      const connected = await Promise.race([listening, late])
      if (connected !== null) return connected
    } finally {
      enough.abort()
    }
    void listening.then(closeQuietly, () => {})
    throw new StoreError(`the database did not answer within ${START_TIMEOUT_MS / 1000} s`)
  }

  /** The next life, or `null` where it has to wait for the broker. */
  async #begin(): Promise<Incarnation | null> {
    this.#waiting.begin()
    try {
      const incarnation = await Incarnation.begin(this.#context(), this.#isUnknownForLong())
      void this.#waiting.over()
      this.#outages.over(STARTING)
      return incarnation
    } catch (error) {
      if (
        error instanceof BrokerError &&
        error.kind === 'misconfigured' &&
        this.#running === null
      ) {
        void this.#waiting.over()
        throw error
      }
      this.#outages.failing(STARTING, error)
      return null
    }
  }

  async #run(first: Incarnation | null, listening: AsyncDisposable): Promise<void> {
    const { store, clock = systemClock } = this.#parts
    const stopping = this.#stopping.signal
    const retentionMs = this.#settings.retentionSeconds * 1000
    const cleaner = new Cleaner({ store, retentionMs, outages: this.#outages, clock })
    const cleaning = retentionMs === Number.POSITIVE_INFINITY ? null : cleaner.run(stopping)
    // A life that began is run also when a stop came meanwhile: it has a row and a place to give up.
    for (let next = first, failures = 0; next !== null || !stopping.aborted;) {
      failures = next !== null && (await this.#live(next, stopping)) ? 0 : failures + 1
      if (failures > 0) await clock.sleep(backoffMs(RETRY, failures), stopping)
      next = stopping.aborted ? null : await this.#begin()
    }
    // A database that does not answer holds up no stop.
    const enough = new AbortController()
    const tidying = Promise.all([cleaning, this.#waiting.over()])
    await Promise.race([tidying, clock.sleep(this.#settings.stopTimeoutMs, enough.signal)])
    enough.abort()
    await closeQuietly(listening)
  }

  async #stop(): Promise<void> {
    // Where the start failed there is nothing to stop; who started it has the error.
    await this.#starting?.catch(() => {})
    await this.#running
    this.#over = true
    this.#parts.onStopped?.()
  }

  /** One life, to its end; `true` where the next may begin at once. */
  async #live(incarnation: Incarnation, stopping: AbortSignal): Promise<boolean> {
    const before = this.#published
    this.#incarnation = incarnation
    const ended = await incarnation.run(stopping)
    this.#incarnation = null
    this.#outages.forget()
    if (ended === null || stopping.aborted) return true
    this.#outages.failing(STARTING, ended.lostBy)
    const { clock = systemClock } = this.#parts
    const isUnknown = ended.lostBy instanceof BrokerError && ended.lostBy.kind === 'unknown'
    if (isUnknown) this.#unknownSince ??= clock.monotonic()
    else this.#unknownSince = null
    return !isUnknown && this.#published > before
  }

  #isUnknownForLong(): boolean {
    const { clock = systemClock } = this.#parts
    return (
      this.#unknownSince !== null && clock.monotonic() - this.#unknownSince > UNKNOWN_FOR_LONG_MS
    )
  }

  #state(standsBy: boolean | undefined): RelayStatus['state'] {
    if (this.#over) return 'stopped'
    if (this.#stopping.signal.aborted) return 'stopping'
    if (this.#running === null) return 'starting'
    if (standsBy === undefined) return 'waiting'
    return standsBy ? 'standby' : 'running'
  }

  #context(): IncarnationContext {
    const { store, broker, codecFor, logger, clock = systemClock } = this.#parts
    return {
      store,
      broker,
      codecFor,
      logger,
      clock,
      settings: this.#settings,
      wakeUp: this.#wakeUp,
      outages: this.#outages,
      onSettled: (events) => {
        this.#published += events
      },
    }
  }
}

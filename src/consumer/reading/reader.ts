import { backoffMs } from '../../core/backoff.ts'
import type { Clock } from '../../core/clock.ts'
import { reasonOf } from '../../core/errors.ts'
import type { LogClient, Page, Position } from '../../core/log.ts'
import type { Logger } from '../../core/logger.ts'
import { Assignment, type OwnPartition } from './assignment.ts'
import { Bell } from './bell.ts'
import { closeClient } from './client.ts'
import type { Health } from './health.ts'
import type { PartitionMark } from './marks.ts'
import type { ReadingSettings } from './reading-options.ts'
import { mayPass } from './patience.ts'

const MAX_BYTES = 1024 * 1024
const MAX_PARTITION_BYTES = 256 * 1024
const MAX_WAIT_MS = 1000
/** How long a fetch waits where a partition is full: it may have room again long before the others have anything. */
const MAX_WAIT_HELD_MS = 50
/** Most events of a partition at or above its mark: they bound memory, and what comes again after a crash. */
const WINDOW = 10_000
/** How long a partition that can't be read rests. */
const REST = { firstMs: 200, maxMs: 5_000, jitter: 0.2 }

/** What a fetch brought of one partition, for as long as `epoch` is the reader's. */
export interface ReadPage {
  readonly mark: PartitionMark
  readonly page: Page
  readonly epoch: number
}

export interface ReaderParts {
  readonly client: LogClient
  readonly settings: ReadingSettings
  readonly logger: Logger
  readonly clock: Clock
  readonly health: Health
  /** There are pages to take, or it failed. */
  readonly onReady: () => void
  /** What was taken before is void; `draining`: what is in hand may finish, `over`: no longer. */
  readonly onEpoch?: (what: 'draining' | 'over') => void
  /** Whether a partition is not to be fetched for now. @defaultValue as many events in hand as fit the window */
  readonly isFull?: (mark: PartitionMark) => boolean
}

/**
 * Reads the partitions that are this reader's, one fetch ahead: the pages of one fetch are in hand,
 * those of the next are in flight or wait to be taken. Then fetching stops: the broker is the buffer.
 */
export class Reader {
  readonly #parts: ReaderParts
  readonly #assignment: Assignment
  /** Rings when an event is handled. */
  readonly #progress = new Bell()
  /** Rings when there may be something to fetch. */
  readonly #due = new Bell()
  readonly #closing = new AbortController()
  readonly #running: Promise<unknown>
  /** Partitions that can't be read, with the failures in a row. */
  readonly #ill = new Map<PartitionMark, number>()
  #fetch = new AbortController()
  /** A partition is not fetched before events of it are handled. */
  #isHeld = false
  #pages: ReadPage[] | null = null
  #failure: { readonly error: unknown } | null = null

  private constructor(parts: ReaderParts) {
    const { signal: closed } = this.#closing
    this.#parts = parts
    this.#assignment = new Assignment({
      ...parts,
      closed,
      progress: this.#progress,
      onReadable: () => this.#due.ring(),
      onEpoch: (what) => {
        this.#dropPages()
        parts.onEpoch?.(what)
      },
      onFailed: (error) => this.#fail(error),
    })
    this.#running = this.#run()
  }

  /** Starts to read. */
  static start(parts: ReaderParts): Reader {
    return new Reader(parts)
  }

  /** What was fetched and taken belongs to this epoch, or to none any more. */
  get epoch(): number {
    return this.#assignment.epoch
  }

  /** `null` where what was fetched may be handed out; else the group is to be heard first. */
  heard(): Promise<void> | null {
    return this.#assignment.heard()
  }

  marks(): Iterable<PartitionMark> {
    return this.#assignment.marks()
  }

  /** The pages that were fetched, or `null`. Taking them starts the next fetch. Throws what ended the reading. */
  take(): ReadPage[] | null {
    const pages = this.#pages
    this.#pages = null
    if (pages !== null) this.#due.ring()
    else if (this.#failure !== null) throw this.#failure.error
    return pages
  }

  /** A mark may have moved. */
  progressed(): void {
    this.#progress.ring()
    if (this.#isHeld) this.#due.ring()
  }

  /** Commits what is handled. */
  async commit(): Promise<void> {
    if (!this.#closing.signal.aborted) await this.#assignment.committer.flush(this.#closing.signal)
  }

  /** Resolves when nothing is in hand, or when `signal` aborts. */
  drained(signal: AbortSignal): Promise<void> {
    return this.#assignment.drained(signal)
  }

  /** Commits what is handled, for as long as `patience` lasts, leaves the group and closes the client. */
  async close(patience: AbortSignal): Promise<void> {
    const { client, logger } = this.#parts
    this.#closing.abort()
    this.#fetch.abort()
    this.#progress.ring()
    this.#due.ring()
    try {
      await this.#assignment.committer.flush(patience)
    } catch (error) {
      const why = patience.aborted ? 'the broker did not answer in time' : reasonOf(error)
      logger.error(
        `oncommit: a stream ends without its last commit, what it handled comes again: ${why}`,
      )
    }
    await closeClient(client, logger)
    await Promise.all([this.#running, this.#assignment.ended()])
  }

  /** Ends with the stream, or when it can't go on. Never rejects. */
  async #run(): Promise<void> {
    const { settings } = this.#parts
    const { signal: closed } = this.#closing
    const { group, commit, commitInterval } = settings
    const ways = [this.#assign(group), this.#read()]
    if (group !== null && commit === 'auto')
      ways.push(this.#assignment.committer.run(commitInterval, closed))
    await Promise.all(ways.map((way) => way.catch((error: unknown) => this.#fail(error))))
  }

  async #assign(group: string | null): Promise<void> {
    await (group === null ? this.#assignment.readAll() : this.#assignment.join(group))
  }

  async #read(): Promise<void> {
    while (!this.#closing.signal.aborted && this.#failure === null) {
      const due = this.#partitionsDue()
      if (this.#pages !== null || due.length === 0) await this.#rest()
      else await this.#readOnce(due)
    }
  }

  async #readOnce(due: readonly OwnPartition[]): Promise<void> {
    const { client } = this.#parts
    const { patience, epoch } = this.#assignment
    const { signal } = this.#fetch
    const positions = due.map(({ mark: { topic, partition }, position }): Position => {
      return { topic, partition, offset: position }
    })
    const options = {
      maxBytes: MAX_BYTES,
      maxPartitionBytes: MAX_PARTITION_BYTES,
      maxWaitMs: this.#isHeld ? MAX_WAIT_HELD_MS : MAX_WAIT_MS,
      signal,
    }
    let pages: readonly Page[]
    try {
      pages = await patience.ask({ asking: 'reading', signal }, () =>
        client.fetch(positions, options),
      )
    } catch (error) {
      if (signal.aborted) return
      throw error
    }
    if (epoch === this.#assignment.epoch) this.#receive(pages)
  }

  #receive(pages: readonly Page[]): void {
    const received: ReadPage[] = []
    const { epoch } = this.#assignment
    for (const page of pages) {
      const own = this.#assignment.find(page)
      if (own === undefined) continue
      if (page.error !== null) this.#endure(own, page.error)
      else {
        this.#ill.delete(own.mark)
        own.mark.endOffset = page.endOffset
        if (page.nextOffset > own.position) received.push({ mark: own.mark, page, epoch })
        own.position = page.nextOffset
      }
    }
    if (received.length === 0) return
    this.#pages = received
    this.#parts.onReady()
  }

  /** A topic that is gone for now is waited for; a position that is gone is the user's to decide. */
  #endure(own: OwnPartition, error: NonNullable<Page['error']>): void {
    const { clock, logger } = this.#parts
    if (!mayPass(error)) {
      this.#fail(error)
      own.restsUntil = Number.POSITIVE_INFINITY
      return
    }
    const failures = (this.#ill.get(own.mark) ?? 0) + 1
    if (failures === 1) logger.warn(`oncommit: a stream waits: ${error.message}`)
    this.#ill.set(own.mark, failures)
    own.restsUntil = clock.monotonic() + backoffMs(REST, failures)
  }

  #partitionsDue(): OwnPartition[] {
    const now = this.#parts.clock.monotonic()
    const isFull = this.#parts.isFull ?? ((mark: PartitionMark) => mark.inHand >= WINDOW)
    const due: OwnPartition[] = []
    this.#isHeld = false
    for (const own of this.#assignment.readable) {
      if (own.restsUntil > now) continue
      if (isFull(own.mark)) this.#isHeld = true
      else due.push(own)
    }
    return due
  }

  /** Until something is handled, taken or assigned, or a partition has rested. */
  async #rest(): Promise<void> {
    const heard = this.#due.heard()
    // Nothing is fetched before the pages are taken, and that rings.
    if (this.#ill.size === 0 || this.#pages !== null) return heard
    // Each event that is handled rings: whoever wakes by that leaves no timer behind.
    const woken = new AbortController()
    await Promise.race([heard, this.#parts.clock.sleep(REST.firstMs, woken.signal)])
    woken.abort()
  }

  #dropPages(): void {
    this.#pages = null
    this.#ill.clear()
    this.#fetch.abort()
    this.#fetch = new AbortController()
    this.#due.ring()
  }

  #fail(error: unknown): void {
    if (this.#closing.signal.aborted) return
    this.#failure ??= { error }
    this.#assignment.fail(error)
    this.#due.ring()
    this.#parts.onReady()
  }
}

import { backoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { BrokerError } from '../core/errors.ts'
import type { GroupMembership, LogClient, Page, TopicPartition } from '../core/log.ts'
import type { Logger } from '../core/logger.ts'
import { Committer } from './committer.ts'
import { Episode } from './episode.ts'
import { PartitionMark } from './marks.ts'
import type { StreamSettings } from './options.ts'
import { partitionName, startOffsets } from './start-offsets.ts'

const RETRY = { firstMs: 50, maxMs: 10_000, jitter: 0.2 }
const MAX_BYTES = 1024 * 1024
const MAX_PARTITION_BYTES = 256 * 1024
const MAX_WAIT_MS = 1000

/** What a fetch brought of one partition, for as long as `epoch` is the reader's. */
export interface ReadPage {
  readonly mark: PartitionMark
  readonly page: Page
  readonly epoch: number
}

export interface ReaderParts {
  readonly client: LogClient
  readonly settings: StreamSettings
  readonly logger: Logger
  readonly clock: Clock
  /** There are pages to take, or it failed. */
  readonly onReady: () => void
  /** A `signal` for as long as the reader is open. */
  readonly closed: AbortSignal
}

/**
 * Reads the partitions that are this reader's, one fetch ahead: a fetch in hand, and one in flight.
 *
 * Positions, and pages with them, belong to an epoch, which ends when the group gathers. Then
 * nothing more is handed out, what is in hand is waited for and committed, what was fetched is
 * dropped, and a partition that is kept goes on from its mark. A member that was expelled is told
 * too late to wait: its marks are dead, and what it still handles marks nothing.
 */
export class Reader {
  readonly #parts: ReaderParts
  readonly #committer: Committer
  readonly #outage: Episode
  readonly #assigned = new Map<string, { readonly mark: PartitionMark; position: bigint }>()
  readonly #sought = new Set<string>()
  readonly #joined = Promise.withResolvers<GroupMembership>()
  #epoch = 0
  #reading = false
  #pages: ReadPage[] | null = null
  #fetch = new AbortController()
  #failure: unknown = null
  #wakeFetch: (() => void) | null = null
  #wakeDrain: (() => void) | null = null

  constructor(parts: ReaderParts) {
    this.#parts = parts
    this.#outage = new Episode(parts.logger, `stream of ${parts.settings.topics.join(', ')}`)
    this.#committer = new Committer(parts.clock, () => this.marks())
    this.#joined.promise.catch(() => {})
  }

  /** What was fetched and taken belongs to this epoch, or to none any more. */
  get epoch(): number {
    return this.#epoch
  }

  get state(): 'starting' | 'running' | 'reconnecting' | 'rebalancing' {
    if (this.#outage.open) return 'reconnecting'
    if (this.#reading) return 'running'
    return this.#epoch === 0 ? 'starting' : 'rebalancing'
  }

  /** Throws what ended the reading, once. */
  throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure
  }

  *marks(): Iterable<PartitionMark> {
    for (const { mark } of this.#assigned.values()) yield mark
  }

  /** The pages that were fetched, or `null`. Taking them starts the next fetch. */
  take(): ReadPage[] | null {
    const pages = this.#pages
    if (pages === null) return null
    this.#pages = null
    this.#wakeFetch?.()
    return pages
  }

  /** Something was handled: a rebalance may wait for it. */
  handled(): void {
    this.#wakeDrain?.()
  }

  /** Commits what is handled. See `Committer.flush`. */
  commit(signal: AbortSignal = this.#parts.closed): Promise<void> {
    return this.#committer.flush(signal)
  }

  /** Resolves when nothing is in hand, or when `signal` aborts. */
  async drained(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && [...this.marks()].some((mark) => mark.inHand > 0)) {
      await new Promise<void>((resolve) => {
        this.#wakeDrain = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    this.#wakeDrain = null
  }

  /** Reads until the reader is closed or fails. Never rejects. */
  async run(): Promise<void> {
    const { closed } = this.#parts
    closed.addEventListener('abort', () => this.#interrupt(), { once: true })
    try {
      await (this.#parts.settings.group === null
        ? this.#readAll()
        : this.#join(this.#parts.settings.group))
      while (!closed.aborted) await this.#fetchOnce()
    } catch (error) {
      if (!closed.aborted) this.#fail(error)
    }
  }

  /** Tells the group that this member leaves, and closes the client. */
  async leave(): Promise<void> {
    await this.#parts.client.close()
  }

  async #join(group: string): Promise<void> {
    const { client, settings, logger, closed } = this.#parts
    await this.#warnOfUnknownTopics()
    const membership = await client.join({
      group,
      topics: settings.topics,
      sessionTimeoutMs: settings.sessionTimeout,
      onAssigned: (partitions, generation) => void this.#assign(partitions, generation),
      onRevoking: (_, signal) => this.#revoke(signal),
      onLost: () => this.#lose(),
      onAway: (error) => (error === null ? this.#outage.over() : this.#outage.failing(error)),
    })
    this.#committer.begin(membership)
    this.#joined.resolve(membership)
    if (!closed.aborted) logger.debug(`oncommit: joined the group ${group}`)
  }

  async #warnOfUnknownTopics(): Promise<void> {
    const { client, settings, logger } = this.#parts
    try {
      await this.#asking(() => client.partitions(settings.topics))
    } catch (error) {
      if (!(error instanceof BrokerError) || error.kind !== 'topic-unavailable') throw error
      logger.warn(`oncommit: a stream waits for its topic: ${error.message}`)
    }
  }

  /** Without a group every partition is this reader's, once the topics are there. */
  async #readAll(): Promise<void> {
    const { client, settings, logger, clock, closed } = this.#parts
    for (let failures = 1; !closed.aborted; failures++) {
      try {
        const partitions = await this.#asking(() => client.partitions(settings.topics))
        await this.#assign(partitions, 0)
        return
      } catch (error) {
        if (!(error instanceof BrokerError) || error.kind !== 'topic-unavailable') throw error
        if (failures === 1) logger.warn(`oncommit: a stream waits for its topic: ${error.message}`)
        await clock.sleep(backoffMs(RETRY, failures), closed)
      }
    }
  }

  /** These partitions are ours, and no others. Those that were ours before go on from their marks. */
  async #assign(partitions: readonly TopicPartition[], generation: number): Promise<void> {
    const epoch = this.#newEpoch()
    const names = new Set(partitions.map(partitionName))
    for (const name of this.#assigned.keys()) if (!names.has(name)) this.#drop(name)
    const fresh = partitions.filter((partition) => !this.#assigned.has(partitionName(partition)))
    try {
      const marks = await this.#startingMarks(fresh, generation)
      if (epoch !== this.#epoch) return
      for (const mark of marks)
        this.#assigned.set(partitionName(mark), { mark, position: mark.offset })
    } catch (error) {
      if (epoch === this.#epoch && !this.#parts.closed.aborted) this.#fail(error)
      return
    }
    for (const own of this.#assigned.values()) {
      own.mark.generation = generation
      own.position = own.mark.offset
    }
    this.#reading = true
    this.#wakeFetch?.()
  }

  async #startingMarks(
    fresh: readonly TopicPartition[],
    generation: number,
  ): Promise<PartitionMark[]> {
    const { client, settings } = this.#parts
    const inGroup = settings.group !== null
    const committed =
      inGroup && fresh.length > 0 ? await (await this.#joined.promise).committed(fresh) : []
    const usable = committed.filter((at) => !settings.seek || this.#sought.has(partitionName(at)))
    const known = new Set(usable.map(partitionName))
    const others = fresh.filter((partition) => !known.has(partitionName(partition)))
    const started = await this.#asking(() => startOffsets(client, others, settings.from))
    for (const partition of fresh) this.#sought.add(partitionName(partition))
    return [
      ...usable.map((at) => {
        const mark = new PartitionMark(at, { offset: at.offset, generation })
        mark.committed = at.offset
        return mark
      }),
      ...started.map((at) => new PartitionMark(at, { offset: at.offset, generation })),
    ]
  }

  async #revoke(signal: AbortSignal): Promise<void> {
    this.#newEpoch()
    const { settings, closed } = this.#parts
    const patience = AbortSignal.any([signal, closed, AbortSignal.timeout(settings.drainTimeout)])
    await this.drained(patience)
    for (const [name, { mark }] of this.#assigned) if (mark.inHand > 0) this.#abandon(name, mark)
    await this.commit(AbortSignal.any([signal, closed])).catch((error: unknown) =>
      this.#fail(error),
    )
  }

  /** What is handled below the event in hand is committed; what it still handles marks nothing. */
  #abandon(name: string, mark: PartitionMark): void {
    const { settings, logger } = this.#parts
    logger.warn(
      `oncommit: ${mark.inHand} events of ${name} are still in hand after ${settings.drainTimeout} ms: they come again`,
    )
    mark.abandon()
  }

  #lose(): void {
    this.#newEpoch()
    for (const name of this.#assigned.keys()) this.#drop(name)
  }

  #drop(name: string): void {
    const own = this.#assigned.get(name)
    if (own !== undefined) own.mark.live = false
    this.#assigned.delete(name)
    this.#wakeDrain?.()
  }

  #newEpoch(): number {
    this.#epoch += 1
    this.#reading = false
    this.#pages = null
    this.#interrupt()
    return this.#epoch
  }

  #interrupt(): void {
    this.#fetch.abort()
    this.#fetch = new AbortController()
    this.#wakeFetch?.()
  }

  async #fetchOnce(): Promise<void> {
    const { client, closed } = this.#parts
    if (!this.#reading || this.#pages !== null || this.#assigned.size === 0) {
      await new Promise<void>((resolve) => {
        this.#wakeFetch = resolve
      })
      this.#wakeFetch = null
      return
    }
    const epoch = this.#epoch
    const { signal } = this.#fetch
    const positions = Array.from(
      this.#assigned.values(),
      ({ mark: { topic, partition }, position }) => {
        return { topic, partition, offset: position }
      },
    )
    const limits = {
      maxBytes: MAX_BYTES,
      maxPartitionBytes: MAX_PARTITION_BYTES,
      maxWaitMs: MAX_WAIT_MS,
    }
    try {
      const pages = await this.#asking(() => client.fetch(positions, { ...limits, signal }), signal)
      if (epoch === this.#epoch && !closed.aborted) await this.#receive(pages)
    } catch (error) {
      if (epoch === this.#epoch && !closed.aborted && !signal.aborted) throw error
    }
  }

  async #receive(pages: readonly Page[]): Promise<void> {
    const usable: ReadPage[] = []
    for (const page of pages) {
      const own = this.#assigned.get(partitionName(page))
      if (own === undefined) continue
      if (page.error !== null) await this.#endure(page.error)
      else {
        own.mark.endOffset = page.endOffset
        if (page.nextOffset > own.position)
          usable.push({ mark: own.mark, page, epoch: this.#epoch })
        own.position = page.nextOffset
      }
    }
    if (usable.length === 0) return
    this.#pages = usable
    this.#parts.onReady()
  }

  /** A topic that is gone for now is waited for; a position that is gone is the reader's to decide. */
  async #endure(error: NonNullable<Page['error']>): Promise<void> {
    if (!(error instanceof BrokerError) || error.kind === 'misconfigured') throw error
    this.#outage.failing(error)
    await this.#parts.clock.sleep(RETRY.firstMs * 10, this.#fetch.signal)
  }

  /** Asks the broker until it answers, or `signal` aborts. */
  async #asking<T>(ask: () => Promise<T>, signal: AbortSignal = this.#parts.closed): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        const answer = await ask()
        this.#outage.over()
        return answer
      } catch (error) {
        if (signal.aborted || !(error instanceof BrokerError) || error.kind !== 'away') throw error
        this.#outage.failing(error)
        await this.#parts.clock.sleep(backoffMs(RETRY, failures), signal)
      }
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#joined.reject(error)
    this.#parts.onReady()
  }
}

import type { Clock } from '../../core/clock.ts'
import type { GroupMembership, LogClient, Position, TopicPartition } from '../../core/log.ts'
import type { Logger } from '../../core/logger.ts'
import type { Bell } from './bell.ts'
import { Committer } from './committer.ts'
import type { Health } from './health.ts'
import { PartitionMark } from './marks.ts'
import type { ReadingSettings } from './reading-options.ts'
import { Patience, unlessAborted } from './patience.ts'
import { partitionName, startOffsets } from './start-offsets.ts'
import { TopicWatch } from './topic-watch.ts'

export interface AssignmentParts {
  readonly client: LogClient
  readonly settings: ReadingSettings
  readonly logger: Logger
  readonly clock: Clock
  readonly health: Health
  /** Aborted when the stream ends. */
  readonly closed: AbortSignal
  /** Rings when an event is handled, or a partition comes or goes. */
  readonly progress: Bell
  /** Partitions have come, or have gone. */
  readonly onReadable: () => void
  /** What was fetched before is void: an epoch has ended. `draining`: what is in hand is waited for. */
  readonly onEpoch: (what: 'draining' | 'over') => void
  /** It can't go on. */
  readonly onFailed: (error: unknown) => void
}

/** A partition of this reader's. */
export interface OwnPartition {
  readonly mark: PartitionMark
  /** Where the next fetch goes on. */
  position: bigint
  /** By `clock.monotonic`: not to be fetched before, after a failure of its own. */
  restsUntil: number
}

/**
 * Which partitions are this reader's, and how far each is handled.
 *
 * Positions, and pages with them, belong to an epoch, which ends when the group gathers. Then
 * nothing more is handed out, what is in hand is waited for and committed, what was fetched is
 * dropped, and a partition that is kept goes on from its mark. A member that was expelled is told
 * too late to wait: it forgets its partitions, and what it still handles marks nothing.
 */
export class Assignment {
  readonly committer: Committer
  readonly patience: Patience
  readonly #parts: AssignmentParts
  readonly #topics: TopicWatch
  readonly #owned = new Map<string, OwnPartition>()
  /** Where `seek` was done: it is done once, wherever the partition goes from there. */
  readonly #sought = new Set<string>()
  readonly #joined = Promise.withResolvers<GroupMembership>()
  /** The assignments that are being taken up. */
  readonly #assigning = new Set<Promise<void>>()
  #membership: GroupMembership | null = null
  #epoch = 0
  #isReady = false

  constructor(parts: AssignmentParts) {
    const { clock, logger, progress, health } = parts
    this.#parts = parts
    this.patience = new Patience(clock, health)
    this.committer = new Committer({
      clock,
      logger,
      progress,
      patience: this.patience,
      marks: () => this.marks(),
    })
    this.#topics = new TopicWatch(parts, this.patience)
    this.#joined.promise.catch(() => {})
  }

  /** What was fetched in another one is void. */
  get epoch(): number {
    return this.#epoch
  }

  /** The partitions to read now: none while the group gathers. */
  get readable(): Iterable<OwnPartition> {
    return this.#isReady ? this.#owned.values() : []
  }

  /** `null` where the partitions are certainly this reader's. See `GroupMembership.heard`. */
  heard(): Promise<void> | null {
    return this.#membership?.heard() ?? null
  }

  *marks(): Iterable<PartitionMark> {
    for (const { mark } of this.#owned.values()) yield mark
  }

  find(at: TopicPartition): OwnPartition | undefined {
    return this.#owned.get(partitionName(at))
  }

  /** Resolves when nothing is in hand, or when `signal` aborts. */
  async drained(signal: AbortSignal): Promise<void> {
    const { progress } = this.#parts
    const wake = (): void => progress.ring()
    signal.addEventListener('abort', wake, { once: true })
    while (!signal.aborted && this.#inHand() > 0) await progress.heard()
    signal.removeEventListener('abort', wake)
  }

  /** Becomes a member. Rejects where the group or a topic is forbidden. */
  async join(group: string): Promise<void> {
    const { client, settings, health, closed } = this.#parts
    await this.#topics.look()
    const membership = await this.patience.ask({ asking: 'group', signal: closed }, () =>
      client.join({
        group,
        topics: settings.topics,
        sessionTimeoutMs: settings.sessionTimeout,
        onAssigned: (partitions, generation) => this.#assign(partitions, generation),
        onRevoking: (_, signal) => this.#revoking(signal),
        onLost: () => this.#lost(),
        onAway: (error) =>
          error === null ? health.answered('group') : health.unanswered('group', error),
      }),
    )
    this.#membership = membership
    this.committer.begin(membership)
    this.#joined.resolve(membership)
  }

  /** Reads all partitions, those that are added later too. Ends with the stream. */
  async readAll(): Promise<void> {
    for await (const found of this.#topics.partitions()) {
      const fresh = found.filter((at) => !this.#owned.has(partitionName(at)))
      if (fresh.length > 0) this.#add(await this.#startingMarks(fresh, []), 0)
      this.#ready()
    }
  }

  /** Resolves when nothing is under way any more: soon after the stream is closed. */
  async ended(): Promise<void> {
    await Promise.all(this.#assigning)
  }

  #assign(partitions: readonly TopicPartition[], generation: number): void {
    const assigning = this.#assigned(partitions, generation).finally(() => {
      this.#assigning.delete(assigning)
    })
    this.#assigning.add(assigning)
  }

  async #assigned(partitions: readonly TopicPartition[], generation: number): Promise<void> {
    const epoch = this.#newEpoch()
    this.#parts.health.answered('group')
    const names = new Set(partitions.map(partitionName))
    for (const name of this.#owned.keys()) if (!names.has(name)) this.#owned.delete(name)
    try {
      const committed = await this.#committed(partitions)
      const fresh = partitions.filter((at) => !this.#isKept(at, committed))
      const marks = await this.#startingMarks(fresh, committed)
      if (epoch !== this.#epoch) return
      this.#add(marks, generation)
      for (const own of this.#owned.values()) {
        own.mark.generation = generation
        own.position = own.mark.offset
      }
      this.#ready()
    } catch (error) {
      if (epoch === this.#epoch) this.#parts.onFailed(error)
    }
  }

  /** Whether it goes on from its mark: unless another member had the partition for a moment. */
  #isKept(at: TopicPartition, committed: readonly Position[]): boolean {
    const mark = this.find(at)?.mark
    if (mark === undefined) return false
    const name = partitionName(at)
    const other = committed.find((position) => partitionName(position) === name)
    return mark.committed === null || other === undefined || other.offset <= mark.offset
  }

  async #committed(partitions: readonly TopicPartition[]): Promise<readonly Position[]> {
    if (partitions.length === 0) return []
    const { closed } = this.#parts
    // The assignment may come before the membership, and a stream that is closed may get none.
    const membership = await unlessAborted(this.#joined.promise, closed)
    return this.patience.ask({ asking: 'group', signal: closed }, () =>
      membership.committed(partitions),
    )
  }

  async #startingMarks(
    fresh: readonly TopicPartition[],
    committed: readonly Position[],
  ): Promise<readonly PartitionMark[]> {
    const { client, settings, closed } = this.#parts
    const known = new Map(
      committed
        .filter((at) => !settings.seek || this.#sought.has(partitionName(at)))
        .map((at) => [partitionName(at), at.offset]),
    )
    const others = fresh.filter((at) => !known.has(partitionName(at)))
    const ask = (partitions: readonly TopicPartition[], from: ReadingSettings['from']) =>
      this.patience.ask({ asking: 'reading', signal: closed }, () =>
        startOffsets(client, partitions, from),
      )
    const [late, early] = split(
      others,
      (at) => settings.from === 'latest' && this.#topics.isLate(at),
    )
    const started = [...(await ask(early, settings.from)), ...(await ask(late, 'earliest'))]
    return [
      ...fresh.flatMap((at) => {
        const offset = known.get(partitionName(at))
        if (offset === undefined) return []
        const mark = new PartitionMark(at, { offset, generation: 0 })
        mark.committed = offset
        return mark
      }),
      ...started.map((at) => new PartitionMark(at, { offset: at.offset, generation: 0 })),
    ]
  }

  #add(marks: readonly PartitionMark[], generation: number): void {
    for (const mark of marks) {
      mark.generation = generation
      this.#owned.set(partitionName(mark), { mark, position: mark.offset, restsUntil: 0 })
      this.#sought.add(partitionName(mark))
    }
  }

  async #revoking(signal: AbortSignal): Promise<void> {
    this.#newEpoch('draining')
    const { settings, closed, onFailed, onEpoch } = this.#parts
    const held = [...this.#owned.values()]
    await this.drained(
      AbortSignal.any([signal, closed, AbortSignal.timeout(settings.drainTimeout)]),
    )
    for (const { mark } of held) if (mark.inHand > 0) this.#abandon(mark)
    onEpoch('over')
    try {
      await this.committer.flush(signal)
    } catch (error) {
      if (!signal.aborted) onFailed(error)
    }
  }

  /** What is handled below the event in hand is committed; what it still handles marks nothing. */
  #abandon(mark: PartitionMark): void {
    const { logger, closed } = this.#parts
    if (!closed.aborted) {
      logger.warn(
        `oncommit: the group takes ${partitionName(mark)} with ${mark.inHand} events in hand, from offset ${mark.offset} on: they come again`,
      )
    }
    mark.abandon()
  }

  #lost(): void {
    this.#newEpoch()
    this.#owned.clear()
    this.#parts.progress.ring()
    this.#parts.onReadable()
  }

  #newEpoch(what: 'draining' | 'over' = 'over'): number {
    this.#epoch += 1
    if (this.#isReady) this.#parts.health.enter('rebalancing')
    this.#isReady = false
    this.#parts.onEpoch(what)
    return this.#epoch
  }

  #ready(): void {
    this.#isReady = true
    this.#parts.health.enter('running')
    this.#parts.progress.ring()
    this.#parts.onReadable()
  }

  #inHand(): number {
    let inHand = 0
    for (const { mark } of this.#owned.values()) inHand += mark.inHand
    return inHand
  }

  /** So that nothing waits for a membership that never comes. */
  fail(error: unknown): void {
    this.#joined.reject(error)
  }
}

function split<T>(all: readonly T[], isFirst: (one: T) => boolean): [T[], T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))]
}

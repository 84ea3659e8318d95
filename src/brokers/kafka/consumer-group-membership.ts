import { randomUUID } from 'node:crypto'
import { systemClock } from '../../core/clock.ts'
import type {
  GroupMembership,
  JoinOptions,
  Mark,
  Position,
  TopicPartition,
} from '../../core/log.ts'
import { CommitLine } from './commit-line.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { isExpelled, joinRefusal, refusalOf } from './consumer-group-errors.ts'
import { ConsumerSession } from './consumer-session.ts'
import { GroupContact } from './group-contact.ts'
import type { MemberStamp } from './group-requests.ts'
import type { LogCluster } from './log-cluster.ts'
import { type Ownership, ownershipOf } from './ownership.ts'
import { protocolErrors } from './protocol-errors.ts'

/** What a heartbeat on its way may take beyond the time to finish what is in hand. */
const SLACK_MS = 5_000
const NOBODY: MemberStamp = { memberId: '', generation: -1 }

/**
 * A member of a group, by the consumer group protocol (KIP-848): the group's coordinator says what
 * each member is to own, and heartbeats, one after the other, tell it what the member does own.
 *
 * - The group says other partitions than the member owns: what is in hand is finished and committed,
 *   `onRevoking`, while heartbeats go on with the old ones, so that nobody else is given them. Then
 *   a heartbeat gives up what is not the member's any more, and its answer is taken up, `onAssigned`,
 *   while no heartbeat is on its way that says otherwise. Other members are not disturbed.
 * - The group does not know it, or not in its epoch: `onLost`, nothing is waited for; it joins again.
 * - It leaves: the group is told at once.
 *
 * The epoch changes under a member that keeps its partitions. A commit that was refused for it goes
 * again in the new one, as long as the member owns the partitions without a break since the marks.
 */
export class ConsumerGroupMembership implements GroupMembership {
  readonly #group: ConsumerGroup
  readonly #options: JoinOptions
  readonly #clock = systemClock
  readonly #contact: GroupContact
  readonly #commits: CommitLine<Ownership>
  readonly #joined = Promise.withResolvers<void>()
  readonly #running: Promise<void>
  #memberId: string = randomUUID()
  #session: ConsumerSession | null = null
  #stamp = 0
  #owned: Ownership | null = null
  #draining: Promise<void> | null = null
  #rest = new AbortController()
  #wasMember = false
  #leaving: Promise<void> | null = null

  private constructor(cluster: LogCluster, options: JoinOptions) {
    const { group, topics, sessionTimeoutMs } = options
    this.#options = options
    this.#contact = new GroupContact(options, this.#clock)
    const rebalanceTimeoutMs = sessionTimeoutMs + SLACK_MS
    this.#group = new ConsumerGroup(cluster, { group, topics, rebalanceTimeoutMs })
    this.#commits = new CommitLine({
      contact: this.#contact,
      owned: () => this.#owned,
      send: async (_, marks) => this.#group.commit(this.#session?.stamp ?? NOBODY, marks),
      refusal: refusalOf,
      again: async (owned) => this.#hearEpoch(owned),
    })
    this.#running = this.#run()
  }

  /** Starts to join. `joined` says when it has. */
  static start(cluster: LogCluster, options: JoinOptions): ConsumerGroupMembership {
    return new ConsumerGroupMembership(cluster, options)
  }

  /** Rejects where the group can't be joined whatever the wait, or was left before. */
  get joined(): Promise<void> {
    return this.#joined.promise
  }

  async committed(partitions: readonly TopicPartition[]): Promise<readonly Position[]> {
    return this.#contact.asking(async () => this.#group.committed(partitions))
  }

  async commit(marks: readonly Mark[]): Promise<boolean> {
    return this.#commits.commit(marks)
  }

  /**
   * The group does not tell how long a session is, only the interval of heartbeats, which is always
   * shorter: within it the session certainly runs.
   */
  heard(): Promise<void> | null {
    return this.#contact.heard(this.#session?.intervalMs ?? Number.POSITIVE_INFINITY)
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  async #run(): Promise<void> {
    for (;;) {
      const session = await this.#join()
      if (session === null) return
      this.#session = session
      await this.#stay(session)
      const owned = this.#owned
      this.#owned = null
      owned?.over.abort()
      await this.#draining
      this.#session = null
      if (this.#contact.isStopped) return
      this.#options.onLost(owned?.partitions ?? [])
      this.#contact.endSession()
    }
  }

  /** Joins, for as long as it takes; `null` when the member leaves. */
  async #join(): Promise<ConsumerSession | null> {
    for (let failures = 1; !this.#contact.isStopped; failures++) {
      const sentAt = this.#clock.monotonic()
      try {
        const session = await ConsumerSession.join(this.#group, this.#memberId)
        this.#memberId = session.memberId
        this.#contact.hear(sentAt)
        this.#contact.tellAway(null)
        return session
      } catch (error) {
        if (this.#contact.isStopped) return null
        if (isExpelled(protocolErrors(error))) {
          // The group may still hold partitions for who it was.
          await this.#contact.tellLeaving(this.#group.leave(this.#memberId))
          this.#memberId = randomUUID()
        } else if (!(await this.#failFirst(error)))
          await this.#contact.waitAfter(error, failures, this.#contact.stopped)
      }
    }
    return null
  }

  /** Whether the group can't be joined at all: then the join rejects, and nothing is tried again. */
  async #failFirst(error: unknown): Promise<boolean> {
    if (this.#wasMember) return false
    const refusal = await joinRefusal(error, this.#options.group, this.#group)
    if (refusal === null) return false
    this.#joined.reject(refusal)
    this.#contact.stop()
    return true
  }

  /** Stays a member until something ends it. */
  async #stay(session: ConsumerSession): Promise<void> {
    for (let failures = 0; ;) {
      if (this.#takeUp(session)) await this.#waitForBeat(session)
      if (this.#isOver(session)) return
      const error = await this.#beat(session)
      if (this.#isOver(session)) return
      failures = error === null ? 0 : failures + 1
      if (error !== null) await this.#contact.waitAfter(error, failures, this.#contact.stopped)
    }
  }

  /** Goes on towards what the group has given. `false` where the group is to hear of it at once. */
  #takeUp(session: ConsumerSession): boolean {
    const owned = this.#owned
    if (this.#draining !== null || (owned !== null && session.gives(owned.partitions))) return true
    if (owned !== null && owned.partitions.length > 0) {
      this.#draining = this.#drain(session, owned)
      return true
    }
    if (session.giveUp()) return false
    const taken = session.take()
    if (taken !== null) this.#own(taken.partitions, session.stamp.generation)
    return taken !== null && !taken.isMore
  }

  #own(partitions: readonly TopicPartition[], epoch: number): void {
    this.#stamp = Math.max(this.#stamp + 1, epoch)
    this.#owned = ownershipOf(partitions, this.#stamp)
    this.#wasMember = true
    this.#options.onAssigned(partitions, this.#stamp)
    this.#joined.resolve()
  }

  /** Has what is in hand finished before the group is told that the partitions are free. */
  async #drain(session: ConsumerSession, owned: Ownership): Promise<void> {
    const late = new AbortController()
    const onOver = (): void => late.abort()
    owned.over.signal.addEventListener('abort', onOver, { once: true })
    await Promise.race([
      // Whatever kept it from finishing, the group can't be kept from gathering.
      this.#options.onRevoking(owned.partitions, late.signal).catch(() => {}),
      this.#clock.sleep(this.#options.sessionTimeoutMs, late.signal),
    ])
    owned.over.signal.removeEventListener('abort', onOver)
    late.abort()
    if (owned.over.signal.aborted) session.end()
    if (this.#owned === owned) this.#owned = null
    this.#draining = null
    this.#rest.abort()
  }

  /** Twice in each interval, so that no session seems to be over while all is well. */
  async #waitForBeat(session: ConsumerSession): Promise<void> {
    this.#rest = new AbortController()
    const over = this.#owned?.over.signal ?? this.#contact.stopped
    const signal = AbortSignal.any([this.#rest.signal, this.#contact.stopped, over])
    await this.#clock.sleep(session.intervalMs / 2, signal)
  }

  /** A heartbeat; gives the error where nobody can tell. */
  async #beat(session: ConsumerSession): Promise<unknown> {
    const sentAt = this.#clock.monotonic()
    try {
      await session.beat()
      this.#contact.hear(sentAt)
      this.#contact.tellAway(null)
      return null
    } catch (error) {
      return error
    }
  }

  #isOver(session: ConsumerSession): boolean {
    return this.#contact.isStopped || session.isOver || this.#owned?.over.signal.aborted === true
  }

  /** The next answer brings the epoch that was missing. */
  async #hearEpoch(owned: Ownership): Promise<void> {
    const next = this.#contact.next
    this.#rest.abort()
    const waited = this.#clock.sleep(this.#session?.intervalMs ?? 0, owned.over.signal)
    await Promise.race([next, waited])
  }

  async #leave(): Promise<void> {
    this.#contact.stop()
    this.#owned?.over.abort()
    this.#owned = null
    this.#joined.promise.catch(() => {})
    this.#joined.reject(this.#contact.left())
    // A heartbeat that came behind it would join again.
    await this.#contact.tellLeaving(this.#running)
    await this.#contact.tellLeaving(this.#group.leave(this.#memberId))
    await this.#running
  }
}

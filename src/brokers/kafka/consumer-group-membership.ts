import { randomUUID } from 'node:crypto'
import { type Clock, systemClock } from '../../core/clock.ts'
import type {
  GroupMembership,
  JoinOptions,
  Mark,
  Position,
  TopicPartition,
} from '../../core/log.ts'
import { CommitLine } from './commit-line.ts'
import { type Beat, ConsumerGroup } from './consumer-group.ts'
import { isExpelled, joinRefusal, refusalOf } from './consumer-group-errors.ts'
import { GroupContact } from './group-contact.ts'
import type { LogCluster } from './log-cluster.ts'
import { type Ownership, ownershipOf } from './ownership.ts'
import { partitionKey } from './partition-key.ts'
import { protocolErrors } from './protocol-errors.ts'

/** What a heartbeat on its way may take beyond the time to finish what is in hand. */
const SLACK_MS = 5_000

/** The member as the group knows it, from a join on. */
interface Session {
  readonly memberId: string
  epoch: number
  intervalMs: number
  /** What the group was told that the member owns. */
  reported: readonly TopicPartition[]
  /** What the group has given it. */
  target: readonly TopicPartition[]
  /** Whether the last heartbeat was answered: a member takes nothing up on an older answer. */
  isFresh: boolean
  /** The group has gone on without it. */
  isOver: boolean
}

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
  readonly #clock: Clock
  readonly #contact: GroupContact
  readonly #commits: CommitLine<Ownership>
  readonly #joined = Promise.withResolvers<void>()
  readonly #running: Promise<void>
  #memberId: string = randomUUID()
  #session: Session | null = null
  #stamp = 0
  #owned: Ownership | null = null
  #draining: Promise<void> | null = null
  #rest = new AbortController()
  #wasMember = false
  #leaving: Promise<void> | null = null

  private constructor(cluster: LogCluster, options: JoinOptions, clock: Clock) {
    const { group, topics, sessionTimeoutMs } = options
    this.#options = options
    this.#clock = clock
    this.#contact = new GroupContact(options, clock)
    const rebalanceTimeoutMs = sessionTimeoutMs + SLACK_MS
    this.#group = new ConsumerGroup(cluster, { group, topics, rebalanceTimeoutMs })
    this.#commits = new CommitLine({
      contact: this.#contact,
      owned: () => this.#owned,
      send: async (_, marks) => this.#commit(marks),
      refusal: refusalOf,
      again: async (owned) => this.#hearEpoch(owned),
    })
    this.#running = this.#run()
  }

  /** Starts to join. `joined` says when it has. */
  static start(
    cluster: LogCluster,
    options: JoinOptions,
    clock: Clock = systemClock,
  ): ConsumerGroupMembership {
    return new ConsumerGroupMembership(cluster, options, clock)
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
  async #join(): Promise<Session | null> {
    for (let failures = 1; !this.#contact.isStopped; failures++) {
      const sentAt = this.#clock.monotonic()
      try {
        const beat = await this.#group.join(this.#memberId)
        this.#memberId = beat.memberId
        this.#contact.hear(sentAt)
        this.#contact.tellAway(null)
        return { ...beat, reported: [], target: beat.target ?? [], isFresh: true, isOver: false }
      } catch (error) {
        if (this.#contact.isStopped) return null
        if (isExpelled(protocolErrors(error))) await this.#becomeAnother()
        else if (!(await this.#failFirst(error)))
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

  /** One the group may still hold partitions for is told to go, so that they come to somebody. */
  async #becomeAnother(): Promise<void> {
    await this.#contact.tellLeaving(this.#group.leave(this.#memberId))
    this.#memberId = randomUUID()
  }

  /** Stays a member until something ends it. */
  async #stay(session: Session): Promise<void> {
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
  #takeUp(session: Session): boolean {
    const { target, reported } = session
    const owned = this.#owned
    if (this.#draining !== null || (owned !== null && isSame(owned.partitions, target))) return true
    if (owned !== null && owned.partitions.length > 0) {
      this.#draining = this.#drain(session, owned)
      return true
    }
    const given = new Set(target.map(partitionKey))
    const kept = reported.filter((one) => given.has(partitionKey(one)))
    if (kept.length < reported.length) {
      session.reported = kept
      return false
    }
    if (!session.isFresh) return false
    session.reported = target
    this.#own(target, session.epoch)
    return kept.length === target.length
  }

  #own(partitions: readonly TopicPartition[], epoch: number): void {
    this.#stamp = Math.max(this.#stamp + 1, epoch)
    this.#owned = ownershipOf(partitions, this.#stamp)
    this.#wasMember = true
    this.#options.onAssigned(partitions, this.#stamp)
    this.#joined.resolve()
  }

  /** Has what is in hand finished before the group is told that the partitions are free. */
  async #drain(session: Session, owned: Ownership): Promise<void> {
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
    session.isOver ||= owned.over.signal.aborted
    if (this.#owned === owned) this.#owned = null
    this.#draining = null
    this.#rest.abort()
  }

  /** Twice in each interval, so that no session seems to be over while all is well. */
  async #waitForBeat(session: Session): Promise<void> {
    this.#rest = new AbortController()
    const over = this.#owned?.over.signal ?? this.#contact.stopped
    const signal = AbortSignal.any([this.#rest.signal, this.#contact.stopped, over])
    await this.#clock.sleep(session.intervalMs / 2, signal)
  }

  /** A heartbeat; gives the error where nobody can tell. */
  async #beat(session: Session): Promise<unknown> {
    const sentAt = this.#clock.monotonic()
    try {
      this.#answered(session, await this.#group.beat(session, session.reported))
      this.#contact.hear(sentAt)
      this.#contact.tellAway(null)
      return null
    } catch (error) {
      session.isFresh = false
      session.isOver = isExpelled(protocolErrors(error))
      return error
    }
  }

  #answered(session: Session, { epoch, intervalMs, target }: Beat): void {
    session.epoch = epoch
    session.intervalMs = intervalMs
    session.target = target ?? session.target
    session.isFresh = true
  }

  #isOver(session: Session): boolean {
    return this.#contact.isStopped || session.isOver || this.#owned?.over.signal.aborted === true
  }

  async #commit(marks: readonly Mark[]): Promise<void> {
    const { memberId, epoch: generation } = this.#session ?? { memberId: '', epoch: -1 }
    await this.#group.commit({ memberId, generation }, marks)
  }

  /** The next answer brings the epoch that was missing. */
  async #hearEpoch(owned: Ownership): Promise<void> {
    const next = this.#contact.next
    this.#rest.abort()
    const waited = new AbortController()
    const signal = AbortSignal.any([waited.signal, owned.over.signal])
    await Promise.race([next, this.#clock.sleep(this.#session?.intervalMs ?? 0, signal)])
    waited.abort()
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

function isSame(left: readonly TopicPartition[], right: readonly TopicPartition[]): boolean {
  const keys = new Set(left.map(partitionKey))
  return keys.size === right.length && right.every((one) => keys.has(partitionKey(one)))
}

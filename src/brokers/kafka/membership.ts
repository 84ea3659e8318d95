import { type Clock, systemClock } from '../../core/clock.ts'
import { BrokerError } from '../../core/errors.ts'
import type {
  GroupMembership,
  JoinOptions,
  Mark,
  Position,
  TopicPartition,
} from '../../core/log.ts'
import { CommitLine } from './commit-line.ts'
import { GroupContact } from './group-contact.ts'
import { type Assignment, GroupCoordinator } from './group-coordinator.ts'
import type { LogCluster } from './log-cluster.ts'
import { type Ownership as Owned, ownershipOf } from './ownership.ts'
import { answerOf, protocolErrors } from './protocol-errors.ts'
import type { JoinAnswer } from './wire.ts'

/** How often the group's leader looks for new partitions, and for topics that were missing. */
const WATCH_MS = 30_000
const WATCH_MISSING_MS = 3_000

/** The group goes on without this member, or with it in a younger generation. */
const expelling: ReadonlySet<string> = new Set([
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'FENCED_INSTANCE_ID',
])
/** What no waiting cures: the first join says so. */
const fatal: ReadonlyMap<string, string> = new Map([
  ['GROUP_AUTHORIZATION_FAILED', 'the user needs READ on the group'],
  [
    'INVALID_SESSION_TIMEOUT',
    "the session timeout is outside the broker's group.min.session.timeout.ms and group.max.session.timeout.ms",
  ],
  [
    'INCONSISTENT_GROUP_PROTOCOL',
    'the group has members of another kind (another protocol, or none of the assignors roundrobin and range)',
  ],
  ['INVALID_GROUP_ID', 'the broker takes no group of this name'],
])

/** What the member holds in one generation. */
type Ownership = Owned & Assignment

type End = 'rebalance' | 'lost' | 'stopped'

/**
 * A member of a group, by the classic protocol, and what it may commit.
 *
 * It *joins*: asks the coordinator, for ever; while that can't be reached the member is *away*. The
 * answer makes it the *owner* of partitions in one generation. It stays so, telling the group with
 * heartbeats that it lives, until the group gathers anew, expels it, or it leaves.
 * - The group gathers (somebody joined or left): what is in hand is finished and committed,
 *   `onRevoking`, while heartbeats go on and the group waits. Then it owns nothing, and joins again.
 * - It is expelled (it was silent too long): `onLost`, nothing is waited for; it joins again.
 * - It leaves: the group is told at once.
 *
 * A broker that can't be reached expels nobody, so an outage alone takes no partition away. Commits
 * carry the generation of their marks and are never sent under another one.
 */
export class Membership implements GroupMembership {
  readonly #coordinator: GroupCoordinator
  readonly #options: JoinOptions
  readonly #clock: Clock
  readonly #heartbeatMs: number
  readonly #drainMs: number
  readonly #contact: GroupContact
  readonly #commits: CommitLine<Ownership>
  readonly #joined = Promise.withResolvers<void>()
  readonly #running: Promise<void>
  #memberId = ''
  #stamp = 0
  #owned: Ownership | null = null
  #wasMember = false
  #leaving: Promise<void> | null = null

  private constructor(cluster: LogCluster, options: JoinOptions, clock: Clock) {
    const { group, topics, sessionTimeoutMs } = options
    this.#options = options
    this.#clock = clock
    this.#contact = new GroupContact(options, clock)
    this.#commits = new CommitLine({
      contact: this.#contact,
      owned: () => this.#owned,
      send: async (owned, marks) => this.#coordinator.commit(owned, marks),
      refusal: (answered) => {
        if (isExpelled(answered)) return 'expelled'
        return answered.has('REBALANCE_IN_PROGRESS') ? 'refused' : null
      },
    })
    this.#heartbeatMs = Math.min(1_000, Math.ceil(sessionTimeoutMs / 6))
    // The group hears of a rebalance up to one heartbeat before this member does.
    this.#drainMs = Math.floor(sessionTimeoutMs * 0.9) - 2 * this.#heartbeatMs
    this.#coordinator = new GroupCoordinator(cluster, {
      group,
      topics,
      sessionTimeoutMs,
      rebalanceTimeoutMs: sessionTimeoutMs,
    })
    this.#running = this.#run()
  }

  /** Starts to join. `joined` says when it has. */
  static start(cluster: LogCluster, options: JoinOptions, clock: Clock = systemClock): Membership {
    return new Membership(cluster, options, clock)
  }

  /** Rejects where the group can't be joined whatever the wait, or was left before. */
  get joined(): Promise<void> {
    return this.#joined.promise
  }

  async committed(partitions: readonly TopicPartition[]): Promise<readonly Position[]> {
    return this.#contact.asking(async () => this.#coordinator.committed(partitions))
  }

  async commit(marks: readonly Mark[]): Promise<boolean> {
    return this.#commits.commit(marks)
  }

  heard(): Promise<void> | null {
    return this.#contact.heard(this.#options.sessionTimeoutMs)
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  async #run(): Promise<void> {
    for (;;) {
      const owned = await this.#becomeMember()
      if (owned === null) return
      let end = await this.#stay(owned)
      if (end === 'rebalance') end = await this.#drain(owned)
      this.#owned = null
      if (end === 'lost') this.#options.onLost(owned.partitions)
      this.#contact.endSession()
      if (end === 'stopped') return
    }
  }

  /** Joins, for as long as it takes; `null` when the member leaves. */
  async #becomeMember(): Promise<Ownership | null> {
    for (let failures = 1; !this.#contact.isStopped; failures++) {
      try {
        const joined = await this.#coordinator.join(this.#memberId)
        this.#memberId = joined.memberId
        const sentAt = this.#clock.monotonic()
        const assignment = await this.#coordinator.sync(joined)
        this.#contact.hear(sentAt)
        if (this.#contact.isStopped) return null
        return this.#own(assignment)
      } catch (error) {
        if (this.#contact.isStopped) return null
        const answered = protocolErrors(error)
        if (answered.has('MEMBER_ID_REQUIRED')) {
          this.#memberId =
            (answerOf(error) as Pick<JoinAnswer, 'memberId'> | undefined)?.memberId ?? ''
          failures = 0
        } else if (answered.has('UNKNOWN_MEMBER_ID')) this.#memberId = ''
        else if (answered.has('REBALANCE_IN_PROGRESS')) failures = 0
        else if (!this.#failFirst(answered, error))
          await this.#contact.waitAfter(error, failures, this.#contact.stopped)
      }
    }
    return null
  }

  #own(assignment: Assignment): Ownership {
    this.#stamp = Math.max(this.#stamp + 1, assignment.generation)
    const owned = { ...assignment, ...ownershipOf(assignment.partitions, this.#stamp) }
    this.#owned = owned
    this.#wasMember = true
    this.#contact.tellAway(null)
    this.#options.onAssigned(owned.partitions, owned.stamp)
    this.#joined.resolve()
    return owned
  }

  /** Whether the group can't be joined at all: then the join rejects, and nothing is tried again. */
  #failFirst(answered: ReadonlySet<string>, error: unknown): boolean {
    const name = [...answered].find((one) => fatal.has(one))
    if (name === undefined || this.#wasMember) return false
    this.#joined.reject(
      new BrokerError(
        'misconfigured',
        `group ${this.#options.group} can't be joined: ${name}: ${fatal.get(name)}`,
        { cause: error },
      ),
    )
    this.#contact.stop()
    return true
  }

  /** Stays a member until something ends it. */
  async #stay(owned: Ownership): Promise<End> {
    let watchedAt = this.#clock.monotonic()
    const { partitionCounts } = owned
    const missing = partitionCounts !== null && [...partitionCounts.values()].includes(0)
    const watchMs = missing ? WATCH_MISSING_MS : WATCH_MS
    for (;;) {
      await this.#clock.sleep(this.#heartbeatMs, owned.over.signal)
      const end = await this.#beat(owned)
      if (end !== null) return end
      if (partitionCounts === null || this.#clock.monotonic() - watchedAt < watchMs) continue
      watchedAt = this.#clock.monotonic()
      if (await this.#partitionsChanged(partitionCounts)) return 'rebalance'
    }
  }

  /** A heartbeat; `null` where all is as before, or nobody can tell. */
  async #beat(owned: Ownership): Promise<End | null> {
    if (this.#contact.isStopped) return 'stopped'
    if (owned.over.signal.aborted) return 'lost'
    const sentAt = this.#clock.monotonic()
    try {
      await this.#coordinator.heartbeat(owned)
      this.#contact.hear(sentAt)
      this.#contact.tellAway(null)
      return null
    } catch (error) {
      if (this.#contact.isStopped) return 'stopped'
      const answered = protocolErrors(error)
      if (answered.has('REBALANCE_IN_PROGRESS')) return 'rebalance'
      if (isExpelled(answered)) return 'lost'
      this.#contact.tellAway(error)
      return null
    }
  }

  async #partitionsChanged(before: ReadonlyMap<string, number>): Promise<boolean> {
    try {
      const now = await this.#coordinator.countPartitions([...before.keys()])
      // A topic that went missing is no reason to gather the group: it would find nothing better.
      return [...now].some(([topic, count]) => count > 0 && count !== before.get(topic))
    } catch {
      // The next heartbeat tells of an outage.
      return false
    }
  }

  /** Has what is in hand finished before the group takes the partitions. */
  async #drain(owned: Ownership): Promise<End> {
    if (owned.partitions.length === 0) return this.#contact.isStopped ? 'stopped' : 'rebalance'
    const late = new AbortController()
    const onOver = (): void => late.abort()
    owned.over.signal.addEventListener('abort', onOver, { once: true })
    try {
      return await Promise.race([
        this.#finishWork(owned, late.signal),
        this.#beatOn(owned, late.signal),
        this.#clock.sleep(this.#drainMs, late.signal).then((): End => this.#endOf(owned)),
      ])
    } finally {
      owned.over.signal.removeEventListener('abort', onOver)
      late.abort()
    }
  }

  async #finishWork(owned: Ownership, signal: AbortSignal): Promise<End> {
    try {
      await this.#options.onRevoking(owned.partitions, signal)
    } catch {
      // Whatever kept it from finishing, the group can't be kept from gathering.
    }
    return this.#endOf(owned)
  }

  /** Keeps the session alive while the group waits for what is in hand. */
  async #beatOn(owned: Ownership, signal: AbortSignal): Promise<End> {
    while (!signal.aborted) {
      await this.#clock.sleep(this.#heartbeatMs, signal)
      if (signal.aborted) break
      const end = await this.#beat(owned)
      if (end === 'lost' || end === 'stopped') return end
    }
    return this.#endOf(owned)
  }

  #endOf(owned: Ownership): End {
    if (this.#contact.isStopped) return 'stopped'
    return owned.over.signal.aborted ? 'lost' : 'rebalance'
  }

  async #leave(): Promise<void> {
    this.#contact.stop()
    this.#owned?.over.abort()
    this.#owned = null
    this.#joined.promise.catch(() => {})
    this.#joined.reject(this.#contact.left())
    if (this.#memberId !== '')
      await this.#contact.tellLeaving(this.#coordinator.leave(this.#memberId))
    await this.#coordinator.close()
    await this.#running
  }
}

function isExpelled(answered: ReadonlySet<string>): boolean {
  return [...answered].some((name) => expelling.has(name))
}

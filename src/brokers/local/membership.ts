import { BrokerError } from '../../core/errors.ts'
import type {
  GroupMembership,
  JoinOptions,
  Mark,
  Position,
  TopicPartition,
} from '../../core/log.ts'
import { uuidv7 } from '../../core/uuid.ts'
import { toBrokerError } from './failures.ts'
import { type LocalLog, useTopic } from './local-log.ts'

interface Held {
  readonly generation: number
  readonly partitions: readonly TopicPartition[]
}

const MOST_BEAT_MS = 3_000
const AWAY_RETRY_MS = 200

/**
 * One member of a group. Its loop beats, looks at the group, and does the next of these:
 * - expelled: `onLost`, then it joins again under a new id;
 * - the group rebalances and it holds partitions: `onRevoking`, beating meanwhile; when that has
 *   ended it holds nothing;
 * - the group rebalances and it holds nothing: it is ready;
 * - a new generation: it holds what it was assigned, `onAssigned`.
 */
export class LocalMembership implements GroupMembership {
  readonly #log: LocalLog
  readonly #clientId: string
  readonly #options: JoinOptions
  readonly #beatMs: number
  readonly #stop = new AbortController()
  #id: string
  #held: Held | null = null
  #generation = 0
  #revoking: AbortController | null = null
  #isAway = false
  #beatAt: number
  #awakeSince = 0
  #hearing = Promise.withResolvers<void>()
  #running: Promise<void> = Promise.resolve()

  constructor(log: LocalLog, clientId: string, options: JoinOptions) {
    this.#log = log
    this.#clientId = clientId
    this.#options = options
    this.#beatMs = Math.max(10, Math.min(MOST_BEAT_MS, Math.trunc(options.sessionTimeoutMs / 5)))
    this.#id = this.#newId()
    this.#beatAt = log.clock.now()
  }

  /** Joins. What follows comes through the callbacks. */
  start(): void {
    for (const topic of this.#options.topics) this.#make(topic)
    this.#join()
    this.#running = this.#run()
  }

  async committed(partitions: readonly TopicPartition[]): Promise<readonly Position[]> {
    await this.#log.faults.reach()
    return this.#orBrokerError(() => this.#log.groups.committed(this.#options.group, partitions))
  }

  async commit(marks: readonly Mark[]): Promise<boolean> {
    await this.#log.faults.reach()
    const own = marks.filter((mark) => this.#holds(mark))
    if (own.length === 0) return marks.length === 0
    return this.#orBrokerError(() => {
      const all = this.#log.groups.commit(this.#options.group, this.#id, own)
      this.#log.changes.notify()
      return all && own.length === marks.length
    })
  }

  heard(): Promise<void> | null {
    const silentMs = this.#log.clock.now() - this.#beatAt
    return silentMs < this.#options.sessionTimeoutMs ? null : this.#hearing.promise
  }

  async leave(): Promise<void> {
    if (this.#stop.signal.aborted) return this.#running
    this.#stop.abort()
    this.#held = null
    this.#revoking?.abort()
    await this.#running
    this.#hearing.resolve()
    // A broker that is away finds out when the session is over.
    if (this.#log.faults.awayError() !== null) return
    this.#orBrokerError(() => {
      this.#log.groups.leave(this.#options.group, this.#id, this.#log.clock.now())
      this.#log.changes.notify()
    })
  }

  async #run(): Promise<void> {
    const { changes, clock } = this.#log
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        const seen = changes.seen()
        this.#beat()
        this.#step()
        this.#hearing.resolve()
        this.#hearing = Promise.withResolvers()
        this.#setAway(null)
        const left = this.#beatAt + this.#beatMs - clock.now()
        await changes.wait(seen, Math.max(1, Math.min(left, this.#beatMs)), signal)
      } catch (error) {
        this.#setAway(toBrokerError(error))
        await clock.sleep(AWAY_RETRY_MS, signal)
      }
    }
  }

  #beat(): void {
    const away = this.#log.faults.awayError()
    if (away !== null) throw away
    const { group, sessionTimeoutMs } = this.#options
    const now = this.#log.clock.now()
    const since = now - this.#beatAt
    if (since < this.#beatMs) return
    // This process stood still, and others in it as well: they get the time to speak up.
    if (since > sessionTimeoutMs / 2) this.#awakeSince = now
    this.#log.groups.beat(group, this.#id, now, this.#awakeSince)
    this.#beatAt = now
  }

  #step(): void {
    const { groups } = this.#log
    const { group } = this.#options
    const view = groups.view(this.#id)
    if (view === null) this.#expelled()
    else if (this.#revoking !== null) return
    else if (view.isRebalancing && this.#held !== null) this.#revoke(this.#held)
    else if (view.isRebalancing && !view.isReady) {
      groups.ready(group, this.#id)
      this.#log.changes.notify()
    } else if (!view.isRebalancing && view.generation > this.#generation) this.#assigned()
  }

  #join(): void {
    const { groups, clock, changes } = this.#log
    const { group, topics, sessionTimeoutMs } = this.#options
    const now = clock.now()
    groups.join({ id: this.#id, group, topics, sessionMs: sessionTimeoutMs }, now)
    this.#beatAt = now
    changes.notify()
  }

  /** One that can't be made is waited for: its partitions are assigned when it is there. */
  #make(topic: string): void {
    try {
      useTopic(this.#log, topic)
    } catch (error) {
      if (!(error instanceof BrokerError) || error.kind !== 'topic-unavailable') throw error
    }
  }

  #assigned(): void {
    const held = this.#log.groups.assignment(this.#id)
    this.#held = held
    this.#generation = held.generation
    this.#options.onAssigned(held.partitions, held.generation)
  }

  #revoke({ partitions }: Held): void {
    const ending = new AbortController()
    this.#revoking = ending
    void this.#askToGiveUp(partitions, ending).finally(() => {
      this.#held = null
      this.#revoking = null
      this.#log.changes.notify()
    })
  }

  /** Waits for the reader; tells it to end while there is still time to be ready. */
  async #askToGiveUp(
    partitions: readonly TopicPartition[],
    ending: AbortController,
  ): Promise<void> {
    const done = new AbortController()
    const { clock } = this.#log
    const time = Math.trunc(this.#options.sessionTimeoutMs * 0.9)
    void clock.sleep(time, done.signal).then(() => {
      if (!done.signal.aborted) ending.abort()
    })
    try {
      await this.#options.onRevoking(partitions, ending.signal)
    } catch {
      // The reader's own failure, which it reports itself: the group goes on without it.
    } finally {
      done.abort()
    }
  }

  #expelled(): void {
    const held = this.#held
    this.#held = null
    this.#revoking?.abort()
    if (held !== null) this.#options.onLost(held.partitions)
    // It joins again when the reader has let go.
    if (this.#revoking !== null) return
    this.#id = this.#newId()
    this.#join()
  }

  #holds(mark: Mark): boolean {
    return (
      this.#held?.generation === mark.generation &&
      this.#held.partitions.some(
        ({ topic, partition }) => topic === mark.topic && partition === mark.partition,
      )
    )
  }

  #setAway(error: Error | null): void {
    if ((error !== null) === this.#isAway) return
    this.#isAway = error !== null
    this.#options.onAway(
      error === null || error instanceof BrokerError
        ? error
        : new BrokerError('unknown', error.message, { cause: error }),
    )
  }

  #newId(): string {
    return `${this.#clientId}-${uuidv7()}`
  }

  #orBrokerError<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw toBrokerError(error)
    }
  }
}

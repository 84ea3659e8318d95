import type { BrokerError, OffsetLostError } from './errors.ts'
import type { LogRecord } from './codec.ts'

/** Brokers whose topics are logs, read by offset: the reading side. */
export interface LogClientOptions {
  /** A name for the broker's own logs and metrics. */
  readonly clientId: string
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A position: the offset that is read next. */
export interface Position extends TopicPartition {
  readonly offset: bigint
}

/** One reader's client: a member of at most one group. */
export interface LogClient {
  /**
   * All partitions of the topics. Throws a `BrokerError`: `topic-unavailable` where one is unknown
   * or forbidden (`topic` says which), `away`.
   */
  partitions(topics: readonly string[]): Promise<readonly TopicPartition[]>

  /** The offsets of the first record, of the next one to come, or of the first at or after a time. */
  offsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest' | Date,
  ): Promise<readonly Position[]>

  /**
   * Becomes a member of a group. It resolves when joined; the first assignment comes through
   * `onAssigned`, before or after. Members of a group may read different topics.
   */
  join(options: JoinOptions): Promise<GroupMembership>

  /**
   * Committed records from these positions on, in offset order per partition. Waits up to
   * `maxWaitMs` for the first. At most about `maxBytes`, but one whole batch of the broker's at
   * least. One call at a time. Rejects with a `BrokerError` (`away`: try again) or with the
   * signal's reason; a partition's own failure is in its page.
   */
  fetch(positions: readonly Position[], options: FetchOptions): Promise<readonly Page[]>

  /** Leaves the group where it is a member, and closes the connections. Commits nothing. */
  close(): Promise<void>
}

export interface FetchOptions {
  readonly maxBytes: number
  readonly maxPartitionBytes: number
  readonly maxWaitMs: number
  readonly signal: AbortSignal
}

/** What one fetch brought of one partition. */
export interface Page extends TopicPartition {
  readonly records: readonly LogRecord[]
  /** Where the next fetch goes on: past records that no reader sees, too. */
  readonly nextOffset: bigint
  /** The offset after the last committed record. */
  readonly endOffset: bigint
  /** Why nothing could be read: the position is gone, or the topic is (`topic-unavailable`). */
  readonly error: OffsetLostError | BrokerError | null
}

export interface JoinOptions {
  readonly group: string
  readonly topics: readonly string[]
  readonly sessionTimeoutMs: number
  /** These partitions are the member's from now on, in this generation; kept ones are named again. */
  onAssigned(partitions: readonly TopicPartition[], generation: number): void
  /**
   * The member's partitions are about to be taken. What it awaits here the group awaits, where
   * `capabilities.awaitsRevocation`; `signal` aborts when it must end. Commits are still accepted.
   */
  onRevoking(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<void>
  /** The member was expelled, or its session is over: its commits are refused from now on. */
  onLost(partitions: readonly TopicPartition[]): void
  /** Told when the group can't be reached (`away`), and when it can again (`null`). */
  onAway(error: BrokerError | null): void
}

/** A mark: everything below `offset` is handled. */
export interface Mark extends Position {
  readonly generation: number
}

export interface GroupMembership {
  /** The group's committed offsets; a partition without one is left out. */
  committed(partitions: readonly TopicPartition[]): Promise<readonly Position[]>
  /**
   * Commits marks and resolves when the broker has them. Marks of partitions that the member does
   * not own in that generation are dropped, never sent: `false` where one was.
   */
  commit(marks: readonly Mark[]): Promise<boolean>
  /**
   * `null` while the session certainly runs. Where the group may have heard nothing for longer, for
   * this process stood still or the broker is away, others may have the partitions: what comes
   * resolves when the group has answered, after `onLost` where the member was expelled.
   */
  heard(): Promise<void> | null
  /** Tells the group at once. */
  leave(): Promise<void>
}

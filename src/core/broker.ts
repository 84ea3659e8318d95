import type { IdRanges } from './id-ranges.ts'
import type { BrokerError } from './errors.ts'
import type { LogClient, LogClientOptions } from './log.ts'
import type { Ack } from './outbox-store.ts'
import type { WireRecord } from './codec.ts'

/**
 * Where events go, and where consumers read them. One implementation per broker; the suite of
 * `oncommit/testing` asserts by `capabilities`, never by name.
 */
export interface Broker {
  readonly name: string
  readonly capabilities: BrokerCapabilities
  /** Most bytes of one record. `send` refuses an event above it. */
  readonly maxRecordBytes: number

  /** Why the broker can't take a topic of this name, or `null`. Looks at the name only. */
  topicProblem(topic: string): string | null

  /**
   * Opens a relay's publisher and takes its place at the broker: from here on `fence` can shut it
   * out. Called before the relay is enrolled, once in its life.
   * Throws a `BrokerError` of kind `away` or `misconfigured`.
   */
  openPublisher(options: PublisherOptions): Promise<Publisher>

  /**
   * Shuts a publisher out for good. After it has resolved nothing of that publisher's becomes
   * visible any more, and what had become visible is known: the last two batches, ascending, or as
   * many as there were. A refused batch is none. Empty where the broker has no fence (`capabilities.fence`).
   * May be called again. Throws a `BrokerError`.
   */
  fence(fence: string, signal: AbortSignal): Promise<readonly PublishedBatch[]>

  /** Tidies up after a fenced or stopped publisher whose batches are all settled. Best effort. */
  forget(fence: string): Promise<void>

  /** Resolves where the topic can be written to. Throws a `BrokerError` that says why not. */
  probe(topic: string, signal: AbortSignal): Promise<void>

  /** Opens a producer for records that come one by one. It connects at the first record. */
  openProducer(options: ProducerOptions): Promise<Producer>

  /** Opens a client for one reader. */
  openLog(options: LogClientOptions): Promise<LogClient>

  /** Closes what is shared. Publishers, producers and log clients are closed by who opened them. */
  close(): Promise<void>
}

export interface BrokerCapabilities {
  /**
   * `exactly-once`: a committed-only reader sees each event once, through killed and frozen relays.
   * `at-least-once`: after a fault the two newest batches may come again.
   */
  readonly guarantee: 'exactly-once' | 'at-least-once'
  /** `fence` shuts a frozen relay out. */
  readonly fence: boolean
  /** A member of a group is asked, and waited for, before a partition is taken from it. */
  readonly awaitsRevocation: boolean
}

export interface PublisherOptions {
  readonly outbox: string
  readonly relayId: string
  /** Aborted when the relay gives up: whatever is under way ends soon. */
  readonly signal: AbortSignal
  /** Told when an append waits for the broker (`away`), and when the broker is back (`null`). */
  readonly onAway: (error: BrokerError | null) => void
}

/** A batch on its way out: records in the order in which readers must find them. */
export interface PublishBatch {
  /** From 1, without a gap; a batch of which nothing was written gives its number to the next. */
  readonly number: number
  readonly ids: IdRanges
  readonly records: readonly TopicRecord[]
}

export interface TopicRecord extends WireRecord {
  readonly topic: string
}

/** What a fenced publisher's last batches were. */
export interface PublishedBatch {
  readonly relayId: string
  readonly number: number
  readonly ids: IdRanges
}

/**
 * One relay's way to the broker. One `append` at a time; a batch's `commit` may run beside the
 * next batch's `append`. Any rejection, of either, ends the publisher: what became of the batch
 * is only known by fencing it.
 */
export interface Publisher {
  /** What `Broker.fence` takes. Kept in the relay's row. */
  readonly fence: string

  /**
   * Writes a batch in order. It rejects where the outcome is unknown or the publisher is shut out.
   * `beforeSend` is asked right before anything is sent: if it throws, nothing is written and
   * the append rejects with what it threw, the publisher staying usable. A publisher that nothing
   * fences asks again before each further request of the batch: what is thrown there ends it.
   */
  append(batch: PublishBatch, beforeSend: () => void): Promise<AppendResult>

  /** Ends it without waiting for what is under way. */
  close(): Promise<void>
}

export type AppendResult =
  | {
      readonly state: 'appended'
      /** Complete when `commit` has resolved: an offset may be given out no earlier. */
      readonly acks: readonly Ack[]
      /** Makes it visible, after the commit of the batch before it. Resolves at once where `append` does that already. */
      commit(): Promise<void>
      /** Takes it back where it isn't visible yet. */
      abort(): Promise<void>
    }
  | {
      readonly state: 'refused'
      /** Indexes of what was written and acknowledged all the same: facts, to be settled. Ascending. */
      readonly written: readonly number[]
      readonly acks: readonly Ack[]
      /** What was not taken. Indexes in neither list were not written and may be published again. */
      readonly refusals: readonly Refusal[]
    }

export interface ProducerOptions {
  /** A name for the broker's own logs and metrics. */
  readonly clientId: string
  /** Closes the producer when it aborts. */
  readonly signal: AbortSignal
  /** Told when records wait for the broker (`away`), and when the broker is back (`null`). */
  readonly onAway: (error: BrokerError | null) => void
}

/** Writes single records, outside of any outbox: at least once. */
export interface Producer {
  /**
   * Resolves when all in-sync replicas have the record. May be called side by side: the records of
   * one producer keep the order of the calls. While the broker is away it waits. Rejects with a
   * `BrokerError`: `topic-unavailable`, `event-refused`, `misconfigured`, `unknown` where nobody
   * knows what became of it, or `away` once the producer is closed.
   */
  send(record: TopicRecord): Promise<void>

  /** Ends it without waiting: what is under way rejects. */
  close(): Promise<void>
}

export interface Refusal {
  /** Of the records that were refused together: with one it is that one's fault. Ascending. */
  readonly indexes: readonly number[]
  /** Of kind `topic-unavailable` or `event-refused`. */
  readonly error: BrokerError
}

/** Where the clients of a run work: on an outbox, topics and groups that are the run's own. */
export interface Scene {
  readonly databaseUrl: string
  /** Of the outbox's tables. */
  readonly schema: string
  readonly brokers: readonly string[]
  readonly guarantee: 'exactly-once' | 'at-least-once'
  readonly topics: Topics
}

/** Names of topics by what they take. */
export interface Topics {
  readonly plain: string
  readonly other: string
  /** Takes no batch above `STRICT_BYTES`. */
  readonly strict: string
}

export const STRICT_BYTES = 100_000
/** Larger than what its topic takes: the broker refuses it, and its key waits behind it. */
export const POISON_BYTES = 120_000

/** One life of a client. */
export interface Life {
  /** `producer-1.3`: the third life of the first producer. */
  readonly client: string
  readonly notebook: string
  readonly seed: number
}

export interface Job extends Life {
  readonly scene: Scene
}

export interface ConsumerJob extends Job {
  readonly group: string
  readonly how: 'stream' | 'consume'
}

/** What a client says of itself, ten times a second. */
export interface Report {
  readonly committed?: number
  readonly published?: number
  readonly handled?: number
  /** Uuids of closing events that were handled. */
  readonly closed?: readonly string[]
  readonly relayId?: string | null
}

/** The type of the last event of each key. */
export const CLOSING = 'closing'
/** What a relay's batch may hold; it bounds what comes again after a fault. */
export const BATCH_SIZE = 100
/** A relay that is silent for so long is taken over; a fault may last longer. */
export const RELAY_TTL_MS = 2_000
/** A consumer that is silent for so long is expelled. */
export const SESSION_MS = 6_000

export function topicNames({ plain, other, strict }: Topics): readonly string[] {
  return [plain, other, strict]
}

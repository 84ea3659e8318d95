/** What a relay says of itself, in times that have passed: clocks may differ. */
export interface RelayReport {
  /** Since the broker has not answered, `null` where it does. */
  readonly brokerAwayMs: number | null
  /** What fails right now, `null` where nothing does. */
  readonly lastError: string | null
  /** Since its last batch was settled, `null` where there was none. */
  readonly settledMs: number | null
}

/** What a relay says that has no place at the broker yet. */
export interface WaitingReport {
  /** Since it waits. */
  readonly waitingMs: number
  readonly error: string
}

/** The first offset of a run of records that a partition took together. */
export type Ack = readonly [topic: string, partition: number, baseOffset: string]

/**
 * What is blocked: a key of a topic (`eventId` is the event at its head, where one was refused), one
 * keyless event (`key` is null, `eventId` is set), or a whole topic on one lane (both null).
 */
export interface BlockedScope {
  readonly topic: string
  readonly key: string | null
  readonly eventId: bigint | null
  readonly lane: number
}

/**
 * What is blocked, and what comes of it:
 * - `retrying`: its head is tried again when its time has come;
 * - `blocked`: it waits until someone decides, or until the topic is back;
 * - `draining`: what it holds is being published, in order.
 */
export interface BlockedEntry extends BlockedScope {
  readonly id: bigint
  readonly error: string
  readonly state: 'retrying' | 'blocked' | 'draining'
  /** How often the head, which is `eventId`, was refused. */
  readonly attempts: number
}

export interface Backlog {
  readonly pending: number
  /** Milliseconds since the oldest pending event was stored, `null` where there is none. */
  readonly oldestAgeMs: number | null
  readonly blocked: number
  readonly held: number
  readonly dead: number
}

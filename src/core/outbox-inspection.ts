import type { Ack, Backlog, BlockedScope, RelayReport, WaitingReport } from './outbox-terms.ts'

/** Counts for operators end here; a look at a large backlog must not add to it. */
export const INSPECTION_CAP = 10_000

/**
 * What an operator may ask of an outbox. It only reads, each answer is bounded in rows and in time,
 * and nothing that a relay needs is locked. Methods throw a `StoreError` where the database fails.
 */
export interface OutboxInspection extends AsyncDisposable {
  /** The lowest and highest id that are stored, `null` where there is no event. */
  bounds(): Promise<IdBounds | null>

  /** The first id that was stored at or after a time, as near as ids and times follow each other. */
  idAt(time: Date): Promise<bigint>

  /** The id of the event with a uuid in a range of ids, which is read through: keep it short. */
  findBetween(uuid: string, range: IdBounds): Promise<bigint | null>

  /** An event and where it stands; `null` where it is gone. */
  event(id: bigint): Promise<InspectedEvent | null>

  /** What holds back events of a scope: of its own first, then its whole topic. */
  blocks(scope: BlockedScope): Promise<readonly InspectedBlock[]>

  /** Each lane, in order, with its owner. */
  lanes(): Promise<readonly InspectedLane[]>

  relays(): Promise<readonly InspectedRelay[]>

  /** Relays that wait for the broker, and said so within the last minute. The longest waiting first. */
  waiting(): Promise<readonly WaitingRelay[]>

  /** Transactions that have stored events and have not ended, the oldest first. Empty where the database can't tell. */
  openTransactions(): Promise<readonly OpenTransaction[]>

  /** What waits. Capped as a relay's. */
  backlog(): Promise<Backlog>

  /** What waits and what is dead by topic, of the oldest `INSPECTION_CAP` of each kind. */
  topics(): Promise<readonly InspectedTopic[]>

  /** Events stored in the last minute: of the newest `INSPECTION_CAP`, over the time that they took. */
  stored(): Promise<InspectedRates>

  /** Events published in the last minute, by their receipts; the topics are a share of the newest. */
  published(): Promise<InspectedRates>

  ledger(): Promise<InspectedLedger>

  /** The version of the tables. */
  version(): Promise<number>
}

export interface WaitingRelay extends WaitingReport {
  readonly id: string
}

export interface IdBounds {
  readonly first: bigint
  readonly last: bigint
}

export interface InspectedEvent {
  readonly id: bigint
  readonly uuid: string
  readonly topic: string
  readonly key: string | null
  readonly msgType: string
  /** Of the payload. */
  readonly bytes: number
  readonly storedAt: Date
  readonly ageMs: number
  readonly lane: number
  readonly standing: Standing
}

export type Standing =
  | {
      readonly state: 'pending'
      /** Events of its lane that wait and come first; of as many as were looked at. */
      readonly before: CappedCount
    }
  | { readonly state: 'held'; readonly block: InspectedBlock }
  | {
      readonly state: 'dead'
      readonly at: Date
      readonly attempts: number
      readonly error: string | null
    }
  | {
      readonly state: 'delivered'
      readonly publishedAt: Date
      readonly acks: readonly Ack[]
      /** Events of its topic in its batch that come before it. */
      readonly topicRank: number
    }
  /** An operator gave it up. Where it was on its way all the same, it is `delivered`. */
  | {
      readonly state: 'discarded'
      readonly at: Date
      readonly actor: string
      readonly reason: string
    }
  /** Neither waiting nor published, as far as the tables tell: someone has changed them by hand. */
  | { readonly state: 'untracked' }

export interface CappedCount {
  readonly count: number
  /** There may be more. */
  readonly capped: boolean
}

export interface InspectedBlock extends BlockedScope {
  readonly id: bigint
  readonly state: string
  readonly error: string
  readonly attempts: number
  readonly since: Date
  readonly retryAt: Date | null
  /** The first event under it, `null` where it holds none. */
  readonly head: { readonly id: bigint; readonly uuid: string } | null
  readonly held: CappedCount
}

export interface InspectedLane {
  readonly lane: number
  readonly owner: string | null
  readonly epoch: number
}

export interface InspectedRelay {
  readonly id: string
  /** `expired`: has not renewed in time, and nobody has fenced it yet. */
  readonly state: 'live' | 'expired' | 'fenced'
  /** Until its lease runs out; below zero since it has. */
  readonly leaseMs: number
  /** What it said of itself when it last renewed, `null` where it never did. */
  readonly report: RelayReport | null
}

/** What its statements say is not part of it: they may carry an application's data. */
export interface OpenTransaction {
  /** The server's process, `null` for a prepared transaction. */
  readonly pid: number | null
  /** By the database's clock; `null` without the right to see it. */
  readonly startedAt: Date | null
  readonly ageMs: number | null
  /** What its session does: `active`, `idle in transaction`; `prepared`. */
  readonly state: string
  readonly application: string
}

/** What went through in the last time, of as much as was looked at. */
export interface InspectedRates {
  /** How far back it was looked, at most a minute. */
  readonly windowMs: number
  readonly perSecond: number
  readonly byTopic: ReadonlyMap<string, number>
}

export interface InspectedTopic {
  readonly topic: string
  readonly pending: number
  readonly oldestAgeMs: number | null
  readonly held: number
  readonly dead: number
}

export interface InspectedLedger {
  /** As the database estimates it: it is never counted. */
  readonly events: number
  readonly bytes: number
}

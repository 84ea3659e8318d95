import type {
  CappedCount,
  InspectedBlock,
  InspectedRelay,
  OpenTransaction,
} from '../core/outbox-inspection.ts'

/** What an operator is told of the event that was asked for. */
export interface ExplainedEvent {
  readonly uuid: string
  readonly topic: string
  readonly key: string | null
  readonly msgType: string
  readonly bytes: number
  readonly storedAt: Date
  readonly lane: number
}

/** Where a published event is. */
export interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: string
}

export type HeldBy = Pick<
  InspectedBlock,
  'topic' | 'key' | 'state' | 'error' | 'attempts' | 'since' | 'retryAt' | 'held'
>

type Owner = Pick<InspectedRelay, 'id' | 'state' | 'leaseMs' | 'report'>

/** Why an event is where it is: the first thing on its way that holds it. */
export type Explanation =
  | {
      readonly verdict: 'delivered'
      readonly event: ExplainedEvent
      readonly publishedAt: Date
      /** `null` where its batch went to several partitions, or was recorded by a successor. */
      readonly place: Place | null
      /** Where the parts of its batch in its topic begin: it is behind one of them. */
      readonly places: readonly Place[]
    }
  | {
      readonly verdict: 'not-found'
      readonly uuid: string
      /** When the uuid was made, where it tells. */
      readonly madeAt: Date | null
      /** The oldest event that is still stored. */
      readonly oldestStoredAt: Date | null
      /** `forgotten`: it was made before the oldest that is kept. `unknown`: the time to look was over. */
      readonly because: 'never-committed' | 'forgotten' | 'unknown'
    }
  | {
      /** Not there to be seen, and transactions that began before it and store events are still open. */
      readonly verdict: 'invisible'
      readonly uuid: string
      readonly madeAt: Date | null
      readonly transactions: readonly OpenTransaction[]
    }
  | {
      readonly verdict: 'dead'
      readonly event: ExplainedEvent
      readonly at: Date
      readonly attempts: number
      readonly error: string | null
    }
  | {
      /** An operator gave it up, and wrote why. */
      readonly verdict: 'discarded'
      readonly event: ExplainedEvent
      readonly at: Date
      readonly actor: string
      readonly reason: string
    }
  | {
      /**
       * The broker or the codec refuses it. `retrying`: it is tried again by itself. `blocked`: it
       * waits for an operator. `draining`: its key was freed, and what was held goes first.
       */
      readonly verdict: 'retrying' | 'blocked' | 'draining'
      readonly event: ExplainedEvent
      readonly block: HeldBy
    }
  | {
      readonly verdict: 'blocked-by'
      readonly event: ExplainedEvent
      readonly block: HeldBy
      /** The event of its key that was refused, where it is still held. */
      readonly by: string | null
    }
  | { readonly verdict: 'topic-parked'; readonly event: ExplainedEvent; readonly block: HeldBy }
  | {
      readonly verdict: 'lane-unowned'
      readonly event: ExplainedEvent
      /** Relays that live: none, or they have not taken the lane yet. */
      readonly liveRelays: number
    }
  | {
      /** Its lane's owner is dead, and nobody has taken its lanes over. */
      readonly verdict: 'owner-expired' | 'owner-fenced'
      readonly event: ExplainedEvent
      readonly owner: Owner
      readonly liveRelays: number
    }
  | {
      readonly verdict: 'broker-away'
      readonly event: ExplainedEvent
      /** The relay that waits longest, and what it says. */
      readonly relay: { readonly id: string; readonly error: string }
      readonly awayMs: number
    }
  | {
      /** Its lane's owner renews its lease, and has settled nothing for long. */
      readonly verdict: 'owner-stalled'
      readonly event: ExplainedEvent
      readonly owner: Owner
      readonly stalledMs: number
    }
  | {
      readonly verdict: 'backlog'
      readonly event: ExplainedEvent
      readonly owner: Owner
      readonly before: CappedCount
    }
  | { readonly verdict: 'untracked'; readonly event: ExplainedEvent }

/**
 * What operators may do to an outbox: look at what died and what is blocked, and decide about it.
 * It looks in pages, and acts in chunks: each chunk is one transaction, which writes what it did to
 * the audit too. Methods throw a `StoreError` where the database fails.
 */
export interface OutboxOperations extends AsyncDisposable {
  /** The database's time, to freeze by what is acted on. */
  now(): Promise<Date>

  /** Dead letters, in id order. A page looks at a bounded number, and may be empty before the last one. */
  deadLetters(request: DeadRequest): Promise<Page<DeadLetter>>

  /** Blocked keys, keyless events and topics, in the order in which they were blocked; as `deadLetters`. */
  blockedKeys(request: BlockedRequest): Promise<Page<BlockedKey>>

  /** The first events that an entry holds, in id order. */
  held(blockedId: bigint, limit: number): Promise<readonly HeldEvent[]>

  /** What an event carries; `null` where it is gone. */
  contents(eventId: bigint): Promise<EventContents | null>

  /** Events of some keys that were published, with ids above `after`, in id order; as `deadLetters`. */
  published(request: PublishedRequest): Promise<Page<PublishedEvent>>

  /** The newest entries of the audit first, or those alone that tell of one of some uuids. */
  audit(request: {
    readonly uuids?: readonly string[]
    readonly limit: number
  }): Promise<readonly AuditEntry[]>

  /**
   * Has dead letters published again, behind what their keys have published since: each joins what
   * its key holds, or is due to be drained. Those that are not dead any more, or died after `upTo`,
   * are left alone.
   */
  requeue(letters: ChunkOf & { readonly upTo: Date }): Promise<Requeued>

  /** Gives up dead letters for good; as `requeue`. */
  discardDead(letters: ChunkOf & { readonly upTo: Date }): Promise<Done>

  /**
   * Gives up held events for good. Where one is the head of what is blocked, the rest is due to be
   * drained. Those that are not held any more are left alone.
   */
  discardHeld(events: ChunkOf): Promise<Done>

  /**
   * Lets blocked and retrying entries drain now, as if nothing of them had been refused. Whole topics
   * are left alone, and what drains already.
   */
  release(entries: ChunkOf): Promise<Done>
}

/** Conditions that must all be met. */
export interface OperatorFilter {
  /** Of the dead letter, or of the head of what is blocked. In small letters. */
  readonly uuids?: readonly string[]
  readonly topic?: string
  readonly key?: string
  /** The whole text of the error; `*` stands for any text. */
  readonly error?: string
  /** Dead or blocked at this time or later. */
  readonly from?: Date
  /** Dead or blocked before this time. */
  readonly to?: Date
}

interface PageRequest {
  /** Only with ids above it. */
  readonly after: bigint
  readonly limit: number
}

export interface DeadRequest extends PageRequest {
  readonly filter: OperatorFilter
  /** Only those that were dead by then, to the millisecond. */
  readonly upTo: Date
}

export type BlockedRequest = DeadRequest

export interface PublishedRequest extends PageRequest {
  readonly keys: readonly KeyOfTopic[]
}

interface KeyOfTopic {
  readonly topic: string
  readonly key: string
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Where to go on, `null` where there is no more. */
  readonly next: bigint | null
}

export interface DeadLetter {
  readonly id: bigint
  readonly uuid: string
  readonly topic: string
  readonly key: string | null
  readonly msgType: string
  /** Of the payload. */
  readonly bytes: number
  readonly storedAt: Date
  readonly diedAt: Date
  readonly attempts: number
  readonly error: string
  /** How often it was requeued. */
  readonly redelivered: number
}

export interface BlockedKey {
  readonly id: bigint
  readonly topic: string
  /** Null for a keyless event and for a whole topic. */
  readonly key: string | null
  readonly lane: number
  readonly state: 'retrying' | 'blocked' | 'draining'
  readonly error: string
  readonly attempts: number
  readonly since: Date
  readonly retryAt: Date | null
  /** A whole topic, on one lane: nobody's event was refused. */
  readonly isTopic: boolean
  /** The event that was refused, or else the first one that is held; `null` where none is. */
  readonly head: { readonly id: bigint; readonly uuid: string } | null
  /** How many events it holds; counted up to `HELD_CAP`. */
  readonly held: number
}

/** More held events of one entry are given as it. */
export const HELD_CAP = 10_000

export interface HeldEvent {
  readonly id: bigint
  readonly uuid: string
  readonly msgType: string
  readonly bytes: number
  readonly storedAt: Date
  readonly redelivered: number
}

export interface EventContents {
  readonly mimeType: string
  /** As they are stored. */
  readonly headers: string | null
  readonly payload: Buffer | null
}

export interface PublishedEvent extends KeyOfTopic {
  readonly id: bigint
  readonly uuid: string
}

/** What one transaction acts on, and what the audit is told of it. */
export interface ChunkOf {
  readonly ids: readonly bigint[]
  readonly note: AuditNote
}

export interface AuditNote {
  /** The same for all chunks of one action: a uuid. */
  readonly bulk: string
  readonly actor: string
  readonly reason: string
  /** What the action was asked for, as JSON. */
  readonly filter: object
}

export interface Done {
  readonly done: number
}

export interface Requeued extends Done {
  /** Of these: they wait with a key that is blocked or retrying. */
  readonly waiting: number
}

/** One chunk of an action. Entries are added and never changed. */
export interface AuditEntry {
  readonly id: bigint
  readonly bulk: string
  readonly at: Date
  readonly actor: string
  readonly action: 'requeue' | 'discard' | 'release'
  readonly filter: unknown
  readonly reason: string
  /** How many it was asked for. */
  readonly matched: number
  /** How many of these there were. */
  readonly done: number
  /** The uuids of the events, and who was connected to the database. */
  readonly details: unknown
}

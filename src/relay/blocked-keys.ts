import type { StoredEvent } from '../core/event.ts'
import type { BlockedEntry, BlockedScope } from '../core/outbox-store.ts'
import { ParkedTopics, type OnUnavailable } from './parked-topics.ts'

/**
 * Where events come from: what is still to do, what was held aside, or heads of what is held,
 * which are tried alone.
 */
export type Source = 'delivery' | 'held' | 'heads'

/** A key, or an event without one, as this relay knows it. */
interface Blocked {
  readonly lane: number
  /** `waiting`: for its time, or for an operator. `trying`: its head alone. */
  readonly state: 'waiting' | 'trying' | 'draining'
  /** Its head, where one was refused, and how often. */
  readonly eventId: bigint | null
  readonly attempts: number
  /** Its entry in the store, known once it is tried or drains. */
  readonly entry: BlockedEntry | null
}

/**
 * What may not be published now, as this relay knows it; the store's `blocked` has the same.
 *
 * A key is blocked by an event of its own that was refused: everything of it is held, in order,
 * until that event is published, dead or discarded. Then it drains: what is held goes first, and
 * newer events wait behind it, until nothing is held any more. An event without a key holds nothing
 * but itself.
 */
export class BlockedKeys {
  readonly topics: ParkedTopics
  readonly #keys = new Map<string, Map<string, Blocked>>()
  /** Events without a key that are tried or drain, by id. */
  readonly #keyless = new Map<bigint, Blocked>()
  #somethingIsDue = false

  /** `onUnavailable` is called once for each topic that becomes so. */
  constructor(onUnavailable: OnUnavailable) {
    this.topics = new ParkedTopics(onUnavailable)
  }

  /** Takes over what the store knows of lanes that were gained. */
  load(entries: readonly BlockedEntry[]): void {
    for (const entry of entries) {
      if (isWholeTopic(entry)) this.topics.park(entry.topic, entry.error)
      else this.#put(entry, entry.state === 'draining' ? 'draining' : 'waiting')
    }
  }

  /** Under what an event has to wait, or `null` where it may go. */
  scopeOf(event: StoredEvent, source: Source): BlockedScope | null {
    const blocked = this.#of(event.topic, event.key, event.id)
    if (blocked !== undefined && !passes(blocked, source)) {
      const { topic, key, lane } = event
      return { topic, key, eventId: key === null ? event.id : null, lane }
    }
    return this.topics.scopeOf(event, source !== 'delivery')
  }

  /** How often an event was refused before, as far as that was in a row. */
  attempts(event: StoredEvent): number {
    const blocked = this.#of(event.topic, event.key, event.id)
    return blocked?.eventId === event.id ? blocked.attempts : 0
  }

  /** An event was refused: its key waits behind it. Gives the scope of the block. */
  refused(event: StoredEvent, attempts: number): BlockedScope & { readonly eventId: bigint } {
    const { topic, key, lane, id } = event
    const entry = this.#of(topic, key, id)?.entry ?? null
    if (key === null) this.#keyless.delete(id)
    else this.#set(topic, key, { lane, state: 'waiting', eventId: id, attempts, entry })
    return { topic, key, eventId: id, lane }
  }

  /** The store has something to look at sooner than usual. */
  expectDue(): void {
    this.#somethingIsDue = true
  }

  /** Whether it has, since this was asked last. */
  takeExpected(): boolean {
    const expected = this.#somethingIsDue
    this.#somethingIsDue = false
    return expected
  }

  /** Their heads may go, alone. */
  try(entries: readonly BlockedEntry[]): void {
    for (const entry of entries) this.#put(entry, 'trying')
  }

  /** Those of which the head was not refused since. */
  tried(entries: readonly BlockedEntry[]): readonly BlockedEntry[] {
    return entries.filter((entry) => this.#ofEntry(entry)?.state === 'trying')
  }

  /** Back to waiting: nothing came of it this time. */
  wait(entries: readonly BlockedEntry[]): void {
    for (const entry of entries)
      if (entry.key === null) this.#forget(entry)
      else this.#put(entry, 'waiting')
  }

  /** What they hold goes now. */
  drain(entries: readonly BlockedEntry[]): void {
    for (const entry of entries) this.#put(entry, 'draining')
  }

  /** The entries whose held events may go now. */
  draining(): readonly BlockedEntry[] {
    const entries: BlockedEntry[] = [...this.topics.draining()]
    for (const blocked of this.#all()) {
      const { state, entry } = blocked
      if (state !== 'draining' || entry === null) continue
      if (this.topics.mayPublish(entry.topic)) entries.push(entry)
    }
    return entries
  }

  /** An entry is gone. */
  free(entry: BlockedEntry): void {
    if (isWholeTopic(entry)) this.topics.free(entry)
    else if (this.#ofEntry(entry)?.entry?.id === entry.id) this.#forget(entry)
  }

  /** How many keys and which topics wait. */
  summary(): { readonly keys: number; readonly topics: readonly string[] } {
    const keys = [...this.#keys.values()].reduce((sum, ofTopic) => sum + ofTopic.size, 0)
    return { keys, topics: this.topics.names }
  }

  /** These lanes are somebody else's now. */
  dropLanes(lanes: ReadonlySet<number>): void {
    for (const [topic, keys] of this.#keys) {
      for (const [key, { lane }] of keys) if (lanes.has(lane)) keys.delete(key)
      if (keys.size === 0) this.#keys.delete(topic)
    }
    for (const [id, { lane }] of this.#keyless) if (lanes.has(lane)) this.#keyless.delete(id)
    for (const entry of this.topics.draining()) if (lanes.has(entry.lane)) this.topics.free(entry)
  }

  #of(topic: string, key: string | null, id: bigint): Blocked | undefined {
    return key === null ? this.#keyless.get(id) : this.#keys.get(topic)?.get(key)
  }

  #ofEntry({ topic, key, eventId }: BlockedEntry): Blocked | undefined {
    return this.#of(topic, key, eventId ?? -1n)
  }

  *#all(): Iterable<Blocked> {
    for (const keys of this.#keys.values()) yield* keys.values()
    yield* this.#keyless.values()
  }

  #put(entry: BlockedEntry, state: Blocked['state']): void {
    const { lane, eventId, attempts } = entry
    const blocked = { lane, state, eventId, attempts, entry }
    if (entry.key !== null) this.#set(entry.topic, entry.key, blocked)
    else if (eventId !== null && state !== 'waiting') this.#keyless.set(eventId, blocked)
  }

  #set(topic: string, key: string, blocked: Blocked): void {
    const keys = this.#keys.get(topic) ?? new Map<string, Blocked>()
    this.#keys.set(topic, keys)
    keys.set(key, blocked)
  }

  #forget({ topic, key, eventId }: BlockedEntry): void {
    if (key === null) this.#keyless.delete(eventId ?? -1n)
    else {
      const keys = this.#keys.get(topic)
      keys?.delete(key)
      if (keys?.size === 0) this.#keys.delete(topic)
    }
  }
}

export function isWholeTopic(scope: BlockedScope): boolean {
  return scope.key === null && scope.eventId === null
}

function passes({ state }: Blocked, source: Source): boolean {
  return (state === 'trying' && source === 'heads') || (state === 'draining' && source === 'held')
}

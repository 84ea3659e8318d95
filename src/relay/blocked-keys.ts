import type { StoredEvent } from '../core/event.ts'
import type { BlockedEntry, BlockedScope } from '../core/outbox-store.ts'

/** Where fetched events come from: what is still to do, or what was held aside. */
export type Source = 'delivery' | 'held'

interface ParkedTopic {
  readonly state: 'unavailable' | 'back' | 'draining'
  readonly error: string
  /** Its entries in the store by lane, known once it drains. */
  readonly entries: Map<number, BlockedEntry>
}

/**
 * What may not be published now, as this relay knows it; the store's `blocked` has the same.
 *
 * A key is blocked by an event of its own that the broker refused. A topic is `unavailable` as a
 * whole, on all lanes. When the broker says that it is `back`, its entries are read from the store,
 * by the loop that also parks, so that none is missed. Then it is `draining`: lanes with an entry
 * publish what they hold first, and newer events wait behind it, until the entry is gone.
 */
export class BlockedKeys {
  readonly #keys = new Map<string, Map<string, BlockedScope>>()
  readonly #topics = new Map<string, ParkedTopic>()
  readonly #onUnavailable: (topic: string) => void

  /** `onUnavailable` is called once for each topic that becomes so. */
  constructor(onUnavailable: (topic: string) => void) {
    this.#onUnavailable = onUnavailable
  }

  /** Takes over what the store knows of lanes that were gained. */
  load(entries: readonly BlockedEntry[]): void {
    for (const entry of entries) {
      if (entry.key !== null) this.#blockKey(entry)
      else if (entry.eventId === null) this.parkTopic(entry.topic, entry.error)
    }
  }

  /** Under what an event has to wait, or `null` where it may go. */
  scopeOf(event: StoredEvent, source: Source): BlockedScope | null {
    if (this.#keys.size === 0 && this.#topics.size === 0) return null
    if (event.key !== null) {
      const scope = this.#keys.get(event.topic)?.get(event.key)
      if (scope !== undefined) return scope
    }
    const topic = this.#topics.get(event.topic)
    if (topic === undefined) return null
    if (topic.state === 'draining' && (source === 'held' || !topic.entries.has(event.lane)))
      return null
    return { topic: event.topic, key: null, eventId: null, lane: event.lane }
  }

  /** The broker refused this event: its key waits behind it. Gives the scope of the block. */
  block(event: StoredEvent): BlockedScope {
    const { topic, key, lane } = event
    if (key === null) return { topic, key, eventId: event.id, lane }
    const scope = { topic, key, eventId: event.id, lane }
    this.#blockKey(scope)
    return scope
  }

  parkTopic(topic: string, error: string): void {
    const parked = this.#topics.get(topic)
    if (parked?.state === 'unavailable') return
    this.#topics.set(topic, { state: 'unavailable', error, entries: new Map() })
    this.#onUnavailable(topic)
  }

  /** The broker has the topic again. */
  topicIsBack(topic: string): void {
    const parked = this.#topics.get(topic)
    if (parked?.state === 'unavailable') this.#topics.set(topic, { ...parked, state: 'back' })
  }

  /** Topics whose entries are to be read. */
  backTopics(): readonly string[] {
    return [...this.#topics].filter(([, { state }]) => state === 'back').map(([topic]) => topic)
  }

  /** A topic is back, and these are its entries, on all lanes of this relay. */
  drainTopic(topic: string, entries: readonly BlockedEntry[]): void {
    // Entries of a lane that was gained meanwhile are not among these: it is unavailable again, and probed.
    if (this.#topics.get(topic)?.state !== 'back') return
    if (entries.length === 0) this.#topics.delete(topic)
    else {
      const byLane = new Map(entries.map((entry) => [entry.lane, entry]))
      this.#topics.set(topic, { state: 'draining', error: '', entries: byLane })
    }
  }

  /** The entries whose held events may go now. */
  draining(): readonly BlockedEntry[] {
    const entries: BlockedEntry[] = []
    for (const topic of this.#topics.values()) {
      if (topic.state === 'draining') entries.push(...topic.entries.values())
    }
    return entries
  }

  /** How many keys and which topics wait. */
  summary(): { readonly keys: number; readonly topics: readonly string[] } {
    const keys = [...this.#keys.values()].reduce((sum, ofTopic) => sum + ofTopic.size, 0)
    return { keys, topics: [...this.#topics.keys()] }
  }

  /** Why a topic is parked. */
  topicError(topic: string): string {
    return this.#topics.get(topic)?.error ?? ''
  }

  /** A lane's entry is gone. */
  free(entry: BlockedEntry): void {
    const topic = this.#topics.get(entry.topic)
    if (topic?.state !== 'draining' || topic.entries.get(entry.lane)?.id !== entry.id) return
    topic.entries.delete(entry.lane)
    if (topic.entries.size === 0) this.#topics.delete(entry.topic)
  }

  /** These lanes are somebody else's now. */
  dropLanes(lanes: ReadonlySet<number>): void {
    for (const [topic, keys] of this.#keys) {
      for (const [key, scope] of keys) if (lanes.has(scope.lane)) keys.delete(key)
      if (keys.size === 0) this.#keys.delete(topic)
    }
    for (const entry of this.draining()) if (lanes.has(entry.lane)) this.free(entry)
  }

  #blockKey(scope: BlockedScope): void {
    const keys = this.#keys.get(scope.topic) ?? new Map<string, BlockedScope>()
    this.#keys.set(scope.topic, keys)
    if (!keys.has(scope.key ?? '')) keys.set(scope.key ?? '', scope)
  }
}

export function isWholeTopic(scope: BlockedScope): boolean {
  return scope.key === null && scope.eventId === null
}

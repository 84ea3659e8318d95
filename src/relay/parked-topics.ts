import type { StoredEvent } from '../core/event.ts'
import type { BlockedEntry, BlockedScope } from '../core/outbox-store.ts'

interface ParkedTopic {
  readonly state: 'unavailable' | 'back' | 'draining'
  readonly error: string
  /** Its entries in the store by lane, known once it drains. */
  readonly entries: Map<number, BlockedEntry>
}

/** Called once for each topic that can't be written to; asked for again after `afterMs`. */
export type OnUnavailable = (topic: string, afterMs: number) => void

/**
 * Topics that can't be written to as a whole, on all lanes.
 *
 * When the broker says that a topic is `back`, its entries are read from the store, by the loop that
 * also parks, so that none is missed. Then it is `draining`: lanes with an entry publish what they
 * hold first, and newer events wait behind it, until the entry is gone.
 */
export class ParkedTopics {
  readonly #topics = new Map<string, ParkedTopic>()
  readonly #onUnavailable: OnUnavailable

  constructor(onUnavailable: OnUnavailable) {
    this.#onUnavailable = onUnavailable
  }

  /** `held`: the event is held under an entry already. */
  scopeOf(event: StoredEvent, held: boolean): BlockedScope | null {
    const topic = this.#topics.get(event.topic)
    if (topic === undefined) return null
    if (topic.state === 'draining' && (held || !topic.entries.has(event.lane))) return null
    return { topic: event.topic, key: null, eventId: null, lane: event.lane }
  }

  /** `afterMs`: the broker would say that the topic is there; it rests for so long. */
  park(topic: string, error: string, afterMs = 0): void {
    const parked = this.#topics.get(topic)
    if (parked?.state === 'unavailable') return
    this.#topics.set(topic, { state: 'unavailable', error, entries: new Map() })
    this.#onUnavailable(topic, afterMs)
  }

  /** The broker has the topic again. */
  isBack(topic: string): void {
    const parked = this.#topics.get(topic)
    if (parked?.state === 'unavailable') this.#topics.set(topic, { ...parked, state: 'back' })
  }

  /** Topics whose entries are to be read. */
  back(): readonly string[] {
    return [...this.#topics].filter(([, { state }]) => state === 'back').map(([topic]) => topic)
  }

  /** Topics of which nothing may be published, not even what is held. */
  unavailable(): readonly string[] {
    return [...this.#topics].filter(([, { state }]) => state !== 'draining').map(([topic]) => topic)
  }

  mayPublish(topic: string): boolean {
    const state = this.#topics.get(topic)?.state
    return state === undefined || state === 'draining'
  }

  /** A topic is back, and these are its entries, on all lanes of this relay. */
  drain(topic: string, entries: readonly BlockedEntry[]): void {
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
    for (const topic of this.#topics.values())
      if (topic.state === 'draining') entries.push(...topic.entries.values())
    return entries
  }

  /** A lane's entry is gone. */
  free(entry: BlockedEntry): void {
    const topic = this.#topics.get(entry.topic)
    if (topic?.state !== 'draining' || topic.entries.get(entry.lane)?.id !== entry.id) return
    topic.entries.delete(entry.lane)
    if (topic.entries.size === 0) this.#topics.delete(entry.topic)
  }

  /** Why a topic is parked. */
  errorOf(topic: string): string {
    return this.#topics.get(topic)?.error ?? ''
  }

  get names(): readonly string[] {
    return [...this.#topics.keys()]
  }
}

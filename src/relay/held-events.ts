import type { Clock } from '../core/clock.ts'
import type { StoredEvent } from '../core/event.ts'
import type { BlockedEntry, HeldRequest, RelaySession } from '../core/outbox-store.ts'
import { type BlockedKeys, isWholeTopic } from './blocked-keys.ts'
import type { Settler } from './settler.ts'

/** Pages of held events that go before the next batch of new ones, if those are few, or many. */
const PAGES = { idle: 3, busy: 1 }
/** Entries that are looked at together. */
const DUE_LIMIT = 100

/** A page of held events. */
interface HeldPage {
  readonly events: readonly StoredEvent[]
  readonly full: boolean
}

export interface HeldEventsParts {
  readonly relayId: string
  readonly session: Pick<RelaySession, 'blocked' | 'due' | 'drain' | 'unblock'>
  readonly blocked: BlockedKeys
  readonly settler: Pick<Settler, 'idle'>
  readonly settings: { readonly pollIntervalMs: number; readonly batchSize: number }
  readonly clock: Clock
  /** Aborted when this relay's life ends. */
  readonly ended: AbortSignal
  /** Lanes to publish of. */
  readonly lanes: ReadonlySet<number>
  /** Those, and the ones that are being given back. */
  readonly owned: ReadonlySet<number>
  /** Asks the database until it answers; `otherwise` where this relay's life ended before. */
  readonly ask: <T>(question: () => Promise<T>, otherwise: T) => Promise<T>
  /** Fetches some and publishes it. */
  readonly publish: (
    what: Pick<HeldRequest, 'blockedIds' | 'maxOfEach'>,
    source: 'held' | 'heads',
  ) => Promise<HeldPage>
}

/**
 * Publishes what was held aside when its time has come: the heads of keys that are tried again,
 * each alone, and everything of keys and topics that drain, in order.
 */
export class HeldEvents {
  readonly #parts: HeldEventsParts
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(parts: HeldEventsParts) {
    this.#parts = parts
  }

  /** Some of it, one caller at a time; `false` where that changed nothing. */
  async work(load: keyof typeof PAGES): Promise<boolean> {
    await this.#beginTopics()
    const found = await this.#lookAtDue()
    const drained = await this.#drain(PAGES[load])
    return found || drained
  }

  async #beginTopics(): Promise<void> {
    const { blocked, session, owned, ask } = this.#parts
    const topics = blocked.topics.back()
    if (topics.length === 0) return
    const entries = await ask(() => session.blocked([...owned]), null)
    if (entries === null) return
    for (const topic of topics) {
      const ofTopic = entries.filter(
        (entry) => entry.topic === topic && isWholeTopic(entry) && owned.has(entry.lane),
      )
      blocked.topics.drain(topic, ofTopic)
    }
  }

  /** Once a poll interval: that is how operators are heard, too. */
  async #lookAtDue(): Promise<boolean> {
    const { blocked, session, settings, clock, ask, lanes } = this.#parts
    const expected = blocked.takeExpected()
    const now = clock.monotonic()
    if (!expected && now - this.#lookedAt < settings.pollIntervalMs * 0.9) return false
    if (lanes.size === 0) return false
    this.#lookedAt = now
    const exceptTopics = blocked.topics.unavailable()
    const request = { lanes: [...lanes], exceptTopics, limit: DUE_LIMIT }
    const due = await ask(() => session.due(request), [])
    if (due.length === DUE_LIMIT) blocked.expectDue()
    const entries = this.#still(due)
    const passed = await this.#tryHeads(entries.filter(({ state }) => state === 'retrying'))
    const draining = entries.filter(({ state }) => state === 'draining')
    await this.#beginDraining([...draining, ...passed])
    return entries.length > 0
  }

  /** Publishes the head of each, and gives the entries that it no longer blocks. */
  async #tryHeads(entries: readonly BlockedEntry[]): Promise<readonly BlockedEntry[]> {
    if (entries.length === 0) return []
    const { blocked, settler, publish, ended } = this.#parts
    blocked.try(entries)
    const blockedIds = entries.map(({ id }) => id)
    const page = await publish({ blockedIds, maxOfEach: 1 }, 'heads')
    await settler.idle()
    ended.throwIfAborted()
    // Of a page that was cut off, only those that were in it have been tried.
    const names = new Set(page.events.map(({ topic, key, id }) => nameOf(topic, key, id)))
    const tried = blocked.tried(entries)
    const met = tried.filter(
      ({ topic, key, eventId }) =>
        blocked.topics.mayPublish(topic) && (!page.full || names.has(nameOf(topic, key, eventId))),
    )
    blocked.wait(tried.filter((entry) => !met.includes(entry)))
    return met
  }

  async #beginDraining(entries: readonly BlockedEntry[]): Promise<void> {
    if (entries.length === 0) return
    const { blocked, session, relayId, ask } = this.#parts
    const ids = entries.map(({ id }) => id)
    const there = new Set(await ask(() => session.drain(relayId, ids), []))
    const mine = this.#still(entries)
    blocked.drain(mine.filter(({ id }) => there.has(id)))
    blocked.wait(mine.filter(({ id }) => !there.has(id)))
  }

  /** Without those of lanes that were given back meanwhile: they are their next owner's. */
  #still(entries: readonly BlockedEntry[]): readonly BlockedEntry[] {
    return entries.filter(({ lane }) => this.#parts.lanes.has(lane))
  }

  async #drain(pages: number): Promise<boolean> {
    const { blocked, lanes, ended, publish, settings } = this.#parts
    let changed = false
    for (let page = 0; page < pages && !ended.aborted; page++) {
      const entries = blocked.draining().filter(({ lane }) => lanes.has(lane))
      if (entries.length === 0) break
      const blockedIds = entries.map(({ id }) => id)
      const maxOfEach = shareOf(entries, settings.batchSize)
      const { events, full } = await publish({ blockedIds, maxOfEach }, 'held')
      const freed = await this.#free(emptied(entries, events, full, maxOfEach))
      changed ||= events.length > 0 || freed
      if (events.length === 0) break
    }
    return changed
  }

  /** Frees what holds nothing more; `false` where there is none. */
  async #free(entries: readonly BlockedEntry[]): Promise<boolean> {
    if (entries.length === 0) return false
    const { blocked, session, settler, relayId, ask } = this.#parts
    await settler.idle()
    const ids = entries.map(({ id }) => id)
    const gone = new Set(await ask(() => session.unblock(relayId, ids), []))
    for (const entry of entries) if (gone.has(entry.id)) blocked.free(entry)
    return gone.size > 0
  }
}

/**
 * A key with a long past must not keep the others waiting, so that each gives a part of the page.
 * While a topic drains all of it goes in the order of ids: a key may have some in both.
 */
function shareOf(entries: readonly BlockedEntry[], batchSize: number): number {
  return entries.some(isWholeTopic)
    ? batchSize
    : Math.max(1, Math.floor(batchSize / entries.length))
}

/** The entries that gave less than their share, so that nothing of them should be left. */
function emptied(
  entries: readonly BlockedEntry[],
  events: readonly StoredEvent[],
  full: boolean,
  share: number,
): readonly BlockedEntry[] {
  if (full) return []
  if (entries.some(isWholeTopic)) return entries
  const counts = new Map<string, number>()
  for (const { topic, key, id } of events) {
    const name = nameOf(topic, key, id)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return entries.filter(
    ({ topic, key, eventId }) => (counts.get(nameOf(topic, key, eventId)) ?? 0) < share,
  )
}

function nameOf(topic: string, key: string | null, id: bigint | null): string {
  return JSON.stringify([topic, key ?? Number(id)])
}

import { backoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import type { StoredEvent } from '../core/event.ts'
import type { BlockedEntry, RelaySession } from '../core/outbox-store.ts'
import { isWholeTopic } from './blocked-keys.ts'
import type { BlockedKeys, Source } from './blocked-keys.ts'
import type { IdRanges } from '../core/id-ranges.ts'
import type { Handful, InHand } from './in-hand.ts'
import type { RelaySettings } from './options.ts'
import type { OutageLog } from './outage-log.ts'
import type { Publishing } from './publishing.ts'
import type { Settler } from './settler.ts'
import type { WakeUp } from './wake-up.ts'

const RETRY = { firstMs: 50, maxMs: 5_000, jitter: 0.2 }
const ASKING = 'the database does not answer'
/** Pages of held events that go before the next batch of new ones. */
const HELD_PAGES = 3

export interface PipelineParts {
  readonly relayId: string
  readonly session: RelaySession
  readonly publishing: Publishing
  readonly settler: Settler
  readonly inHand: InHand
  readonly blocked: BlockedKeys
  readonly wakeUp: WakeUp
  readonly settings: RelaySettings
  readonly outages: OutageLog
  readonly clock: Clock
  /** Aborted when this relay's life ends, for whatever reason. */
  readonly ended: AbortSignal
  /** The outcome of a batch is unknown: this relay's life has to end. */
  readonly onLost: (error: unknown) => void
}

/** Events that were fetched together, in hand until all of them are settled or parked. */
interface Batch {
  readonly events: readonly StoredEvent[]
  readonly full: boolean
  readonly handful: Handful | null
}

const NOTHING: Batch = { events: [], full: false, handful: null }

/**
 * The loop: fetch → publish → settle, for the lanes that the relay owns.
 *
 * The next batch is fetched while one is being published, and each is settled while the next is in
 * flight. A batch is followed at once by the next; an empty one waits to be woken up. Events held
 * for a topic that is back go first, a few pages at a time.
 */
export class Pipeline {
  readonly #parts: PipelineParts
  /** Lanes to fetch from. */
  readonly #lanes = new Set<number>()
  /** Those, and the ones that are being given back and may still have events in hand. */
  readonly #owned = new Set<number>()
  #gained = false
  #fetching: Promise<unknown> = Promise.resolve()

  constructor(parts: PipelineParts) {
    this.#parts = parts
  }

  /** Fetches from these lanes too, beginning at their first event. */
  addLanes(lanes: readonly number[]): void {
    for (const lane of lanes) {
      this.#owned.add(lane)
      this.#lanes.add(lane)
    }
    this.#gained = true
    this.#parts.wakeUp.notify()
  }

  /** Fetches from these lanes no more; resolves when nothing of them is in hand. */
  async relinquish(lanes: readonly number[]): Promise<void> {
    for (const lane of lanes) this.#lanes.delete(lane)
    await this.#fetching
    await this.#parts.inHand.emptied()
    for (const lane of lanes) this.#owned.delete(lane)
    this.#parts.blocked.dropLanes(new Set(lanes))
  }

  /** Works until the relay's life ends. Rejects where it has to end because of what happened here. */
  async run(): Promise<void> {
    const { ended, wakeUp } = this.#parts
    let next = this.#fetch()
    for (let idle = false; !ended.aborted;) {
      const batch = await next
      if (ended.aborted) break
      if (batch.events.length > 0) wakeUp.busy()
      else if (idle) await wakeUp.wait(ended)
      next = this.#fetch()
      if (batch.events.length > 0) await this.#publish(batch, 'delivery')
      idle = !(await this.#drainSome())
    }
    this.#release(await next)
  }

  /** The next events, in hand; none when this relay's life has ended. Never rejects. */
  #fetch(): Promise<Batch> {
    this.#parts.wakeUp.looking()
    const fetched = this.#retrying(() => this.#fetchOnce(), NOTHING)
    this.#fetching = fetched
    return fetched
  }

  async #fetchOnce(): Promise<Batch> {
    const lanes = [...this.#lanes]
    const fromStart = this.#gained
    this.#gained = false
    if (lanes.length === 0) return NOTHING
    try {
      const { events, full } = await this.#parts.session.fetch({
        lanes,
        fromStart,
        ...this.#bounds(),
      })
      return this.#take(events, full)
    } catch (error) {
      // What this fetch would have seen from the first id on, the next one has to look for.
      this.#gained ||= fromStart
      throw error
    }
  }

  /** Publishes some of what is held for topics that are back; `false` where that changed nothing. */
  async #drainSome(): Promise<boolean> {
    await this.#beginDraining()
    for (let page = 0; page < HELD_PAGES; page++) {
      const entries = this.#parts.blocked.draining().filter((entry) => this.#lanes.has(entry.lane))
      if (entries.length === 0 || this.#parts.ended.aborted) return page > 0
      const ids = entries.map((entry) => entry.id)
      const batch = await this.#retrying(() => this.#fetchHeld(ids), NOTHING)
      if (batch.events.length > 0) await this.#publish(batch, 'held')
      if (!batch.full) return (await this.#freeDrained(entries)) || batch.events.length > 0
    }
    return true
  }

  async #beginDraining(): Promise<void> {
    const { blocked, session } = this.#parts
    const topics = blocked.backTopics()
    if (topics.length === 0) return
    const entries = await this.#retrying(() => session.blocked([...this.#owned]), null)
    if (entries === null) return
    for (const topic of topics) {
      blocked.drainTopic(
        topic,
        entries.filter((entry) => entry.topic === topic && isWholeTopic(entry)),
      )
    }
  }

  /** Frees the lanes of topics that hold nothing more; `false` where there is none. */
  async #freeDrained(entries: readonly BlockedEntry[]): Promise<boolean> {
    const { blocked, session, settler, relayId } = this.#parts
    await settler.idle()
    let freed = false
    for (const entry of entries) {
      if (!(await this.#retrying(() => session.unblock(relayId, entry.id), false))) continue
      blocked.free(entry)
      freed = true
    }
    return freed
  }

  async #fetchHeld(blockedIds: readonly bigint[]): Promise<Batch> {
    const { events, full } = await this.#parts.session.fetchHeld({ blockedIds, ...this.#bounds() })
    return this.#take(events, full)
  }

  async #publish(batch: Batch, source: Source): Promise<void> {
    const settlements = await this.#parts.publishing.publish(batch.events, source)
    Promise.all(settlements).then(
      () => this.#release(batch),
      (error: unknown) => this.#parts.onLost(error),
    )
  }

  #take(events: readonly StoredEvent[], full: boolean): Batch {
    return events.length === 0
      ? NOTHING
      : { events, full, handful: this.#parts.inHand.take(events) }
  }

  #release(batch: Batch): void {
    if (batch.handful !== null) this.#parts.inHand.release(batch.handful)
  }

  #bounds(): { inHand: IdRanges; maxEvents: number; maxBytes: number } {
    const { settings, inHand } = this.#parts
    return { inHand: inHand.ids(), maxEvents: settings.batchSize, maxBytes: settings.batchBytes }
  }

  /** Asks the database until it answers; `otherwise` where this relay's life ended before. */
  async #retrying<T>(ask: () => Promise<T>, otherwise: T): Promise<T> {
    const { clock, outages, ended } = this.#parts
    for (let failures = 1; !ended.aborted; failures++) {
      try {
        const answer = await ask()
        outages.over(ASKING)
        return answer
      } catch (error) {
        outages.failing(ASKING, error)
        await clock.sleep(backoffMs(RETRY, failures), ended)
      }
    }
    return otherwise
  }
}

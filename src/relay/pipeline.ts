import { backoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import type { StoredEvent } from '../core/event.ts'
import type { HeldRequest, RelaySession } from '../core/outbox-store.ts'
import type { BlockedKeys, Source } from './blocked-keys.ts'
import { HeldEvents } from './held-events.ts'
import type { IdRanges } from '../core/id-ranges.ts'
import { InHand } from './in-hand.ts'
import type { Handful } from './in-hand.ts'
import type { RelaySettings } from './options.ts'
import type { OutageLog } from './outage-log.ts'
import type { Publishing } from './publishing.ts'
import type { Settler } from './settler.ts'
import type { WakeUp } from './wake-up.ts'

const RETRY = { firstMs: 50, maxMs: 5_000, jitter: 0.2 }
const ASKING = 'the database does not answer'
/** A look from the first id on, which should find nothing: a net below the horizon. */
const SCAN_EVERY_MS = 3_600_000

export interface PipelineParts {
  readonly relayId: string
  readonly session: RelaySession
  readonly publishing: Publishing
  readonly settler: Settler
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
  readonly source: 'delivery' | 'held'
  readonly handful: Handful | null
}

const NOTHING: Batch = { events: [], full: false, source: 'delivery', handful: null }

/**
 * The loop: fetch → publish → settle, for the lanes that the relay owns.
 *
 * The next batch is fetched while one is being published, and each is settled while the next is in
 * flight. A batch is followed at once by the next; an empty one waits to be woken up. Events
 * that were held aside and may go now take their turn after each batch.
 */
export class Pipeline {
  readonly #parts: PipelineParts
  /** Lanes to fetch from. */
  readonly #lanes = new Set<number>()
  /** Those, and the ones that are being given back and may still have events in hand. */
  readonly #owned = new Set<number>()
  /** Apart: an event that is parked is in `held` while the rest of its batch is still in hand. */
  readonly #inHand: Readonly<Record<Batch['source'], InHand>> = {
    delivery: new InHand(),
    held: new InHand(),
  }
  readonly #fetching = new Set<Promise<Batch>>()
  readonly #held: HeldEvents
  #gained = false
  #scannedAt: number

  constructor(parts: PipelineParts) {
    this.#parts = parts
    this.#scannedAt = parts.clock.monotonic()
    this.#held = new HeldEvents({
      ...parts,
      lanes: this.#lanes,
      owned: this.#owned,
      ask: (question, otherwise) => this.#retrying(question, otherwise),
      publish: (what, source) => this.#publishHeld(what, source),
    })
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
    await Promise.all(this.#fetching)
    await Promise.all([this.#inHand.delivery.emptied(), this.#inHand.held.emptied()])
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
      if (batch.events.length > 0) await this.#publish(batch, batch.source)
      idle = !(await this.#held.work(batch.full ? 'busy' : 'idle'))
    }
    this.#release(await next)
  }

  /** The next events, in hand; none when this relay's life has ended. Never rejects. */
  #fetch(): Promise<Batch> {
    this.#parts.wakeUp.looking()
    return this.#lanes.size === 0
      ? Promise.resolve(NOTHING)
      : this.#tracked(() => this.#fetchOnce())
  }

  /** A fetch, retried; whoever gives lanes back waits for it. */
  #tracked(fetch: () => Promise<Batch>): Promise<Batch> {
    const fetched = this.#retrying(fetch, NOTHING).finally(() => this.#fetching.delete(fetched))
    this.#fetching.add(fetched)
    return fetched
  }

  async #fetchOnce(): Promise<Batch> {
    const lanes = [...this.#lanes]
    const now = this.#parts.clock.monotonic()
    const fromStart = this.#gained || now - this.#scannedAt > SCAN_EVERY_MS
    if (fromStart) this.#scannedAt = now
    this.#gained = false
    try {
      const { events, full } = await this.#parts.session.fetch({
        lanes,
        fromStart,
        ...this.#bounds('delivery'),
      })
      return this.#take('delivery', events, full)
    } catch (error) {
      // What this fetch would have seen from the first id on, the next one has to look for.
      this.#gained ||= fromStart
      throw error
    }
  }

  async #publishHeld(
    what: Pick<HeldRequest, 'blockedIds' | 'maxOfEach'>,
    source: 'held' | 'heads',
  ): Promise<Batch> {
    const batch = await this.#tracked(async () => {
      const request = { ...what, ...this.#bounds('held') }
      const { events, full } = await this.#parts.session.fetchHeld(request)
      return this.#take('held', events, full)
    })
    if (batch.events.length > 0) await this.#publish(batch, source)
    return batch
  }

  async #publish(batch: Batch, source: Source): Promise<void> {
    const { written, settlements } = await this.#parts.publishing.publish(batch.events, source)
    const settling = this.#keep(batch, written)
    Promise.all(settlements).then(
      () => this.#release(settling),
      (error: unknown) => this.#parts.onLost(error),
    )
  }

  /** Only what was written is in hand any more: what was refused or held aside may be fetched again. */
  #keep(batch: Batch, written: readonly StoredEvent[]): Batch {
    if (written.length === batch.events.length) return batch
    const kept = this.#take(batch.source, written, false)
    this.#release(batch)
    return kept
  }

  #take(source: Batch['source'], events: readonly StoredEvent[], full: boolean): Batch {
    return events.length === 0
      ? NOTHING
      : { events, full, source, handful: this.#inHand[source].take(events) }
  }

  #release(batch: Batch): void {
    if (batch.handful !== null) this.#inHand[batch.source].release(batch.handful)
  }

  #bounds(source: Batch['source']): { inHand: IdRanges; maxEvents: number; maxBytes: number } {
    const { settings } = this.#parts
    return {
      inHand: this.#inHand[source].ids(),
      maxEvents: settings.batchSize,
      maxBytes: settings.batchBytes,
    }
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

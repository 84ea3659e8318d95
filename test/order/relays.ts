import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'

import type {
  FetchedBatch,
  OutboxStore,
  RelaySession,
  RelayView,
} from '../../src/core/outbox-store.ts'
import { type IdRanges, mergeRanges, toRanges } from '../../src/core/id-ranges.ts'
import type { OrderLedger } from './order-ledger.ts'

const TTL_MS = 2_000
const TICK_MS = 100
/** A batch is only published while a settle of this length would still be in time. */
const SETTLE_MS = 1_000

/** How a relay of the test ends. */
export type Ending = 'hands over' | 'vanishes'

/**
 * A small relay: it shares the lanes with the others, publishes into a ledger, and fetches the
 * next batch while it settles the one before. It ends on its own after a while: it hands its lanes
 * over, or vanishes after a settle with lanes, and what it has fetched, in hand.
 */
export async function runRelay(
  store: OutboxStore,
  ledger: OrderLedger,
  signal: AbortSignal,
  ending: Ending,
): Promise<void> {
  await using session = await store.openRelaySession()
  const relay = new TestRelay(session, ledger)
  await relay.enroll()
  await relay.run(signal)
  if (ending === 'hands over') await relay.handOver()
}

class TestRelay {
  readonly #id = randomUUID()
  readonly #session: RelaySession
  readonly #ledger: OrderLedger
  #lanes: readonly number[] = []
  #inHand: IdRanges[] = []
  #gained = false
  #surplus: readonly number[] = []
  #tickedAt = 0
  #batch = 0

  constructor(session: RelaySession, ledger: OrderLedger) {
    this.#session = session
    this.#ledger = ledger
  }

  async enroll(): Promise<void> {
    await this.#session.enroll({ id: this.#id, fence: this.#id, protocol: 1, ttlMs: TTL_MS })
  }

  async run(signal: AbortSignal): Promise<void> {
    let next: Promise<FetchedBatch> | undefined
    while (!signal.aborted) {
      if (performance.now() - this.#tickedAt > TICK_MS) {
        // What was fetched ahead must be settled before any of its lanes may go.
        if (next !== undefined && !(await this.#settle(await next))) return
        next = undefined
        if (!(await this.#tick())) return
      }
      const batch = await (next ?? this.#fetch())
      const settled = this.#settle(batch)
      next = this.#fetch()
      if (!(await settled)) break
      if (batch.events.length === 0) await setTimeout(1)
    }
    // Fetched and not published: whoever takes the lanes finds it again.
    await next
  }

  async handOver(): Promise<void> {
    if (!(await this.#tick())) return
    await this.#session.release(this.#id, this.#lanes)
    await this.#session.markFenced(this.#id, { resigning: true })
    await this.#session.bury(this.#id)
  }

  /** `false` where this relay was fenced. */
  async #tick(): Promise<boolean> {
    this.#tickedAt = performance.now()
    const tick = await this.#session.tick(this.#id, TTL_MS, (view) => this.#share(view))
    if (tick.state === 'fenced') return false
    this.#gained ||= tick.owned.some((lane) => !this.#lanes.includes(lane))
    this.#lanes = tick.owned.filter((lane) => !this.#surplus.includes(lane))
    await this.#session.release(this.#id, this.#surplus)
    for (const { id, state } of tick.relays) {
      if (state === 'live') continue
      if ((await this.#session.markFenced(id)) !== null) await this.#session.bury(id)
    }
    return true
  }

  #share({ relays, owned, free }: RelayView): readonly number[] {
    const fair = Math.ceil(64 / relays.filter(({ state }) => state === 'live').length)
    this.#surplus = owned.slice(fair)
    return free.slice(0, Math.max(0, fair - owned.length))
  }

  async #fetch(): Promise<FetchedBatch> {
    const fromStart = this.#gained
    this.#gained = false
    const inHand = mergeRanges(this.#inHand)
    const limits = { maxEvents: 500, maxBytes: 1_000_000 }
    const batch = await this.#session.fetch({ lanes: this.#lanes, inHand, fromStart, ...limits })
    if (batch.events.length > 0) this.#inHand.push(toRanges(batch.events.map(({ id }) => id)))
    return batch
  }

  /** `false` where it came too late: somebody may own the lanes by now. */
  async #settle(batch: FetchedBatch): Promise<boolean> {
    if (batch.events.length === 0) return true
    if (performance.now() > this.#tickedAt + TTL_MS - SETTLE_MS) return false
    for (const { uuid } of batch.events) this.#ledger.publish(uuid)
    const ids = toRanges(batch.events.map(({ id }) => id))
    await this.#session.settle({ relayId: this.#id, number: ++this.#batch, ids, acks: [] })
    this.#inHand = this.#inHand.filter((ranges) => ranges[0]?.[0] !== ids[0]?.[0])
    return true
  }
}

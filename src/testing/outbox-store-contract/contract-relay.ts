import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { StoredEvent } from '../../core/event.ts'
import { toRanges } from '../../core/id-ranges.ts'
import type {
  BlockedEntry,
  BlockedScope,
  CleanResult,
  DueRequest,
  FetchedBatch,
  FetchRequest,
  HeldRequest,
  OutboxStore,
  RelaySession,
  RelayView,
  Tick,
} from '../../core/outbox-store.ts'
import type { RefusalOutcome } from '../../core/refusals.ts'

/** Longer than any case. */
export const TTL_MS = 120_000

type Claim = (view: RelayView) => readonly number[]

const LIMITS = { maxEvents: 100_000, maxBytes: 64 * 1024 * 1024 }

/** A relay that does only what a case tells it to. */
export class ContractRelay implements AsyncDisposable {
  readonly id: string = randomUUID()
  readonly fence: string = `fence-${this.id}`
  readonly session: RelaySession
  /** All of the store. */
  readonly lanes: readonly number[]
  #number = 0

  private constructor(session: RelaySession, lanes: number) {
    this.session = session
    this.lanes = Array.from({ length: lanes }, (_, lane) => lane)
  }

  /** Enrolled, without lanes. */
  static async enroll(store: OutboxStore, protocol = 1): Promise<ContractRelay> {
    const relay = new ContractRelay(await store.openRelaySession(), store.lanes)
    const { id, fence } = relay
    await relay.session.enroll({ id, fence, protocol, ttlMs: TTL_MS })
    return relay
  }

  /** Enrolled, with all lanes that are free. */
  static async owning(store: OutboxStore): Promise<ContractRelay> {
    const relay = await ContractRelay.enroll(store)
    await relay.tick(({ free }) => free)
    return relay
  }

  async tick(claim: Claim = () => []): Promise<Tick> {
    return this.session.tick(this.id, TTL_MS, claim)
  }

  /** The same, where the relay must be live. */
  async beat(claim: Claim = () => []): Promise<Extract<Tick, { state: 'live' }>> {
    const tick = await this.tick(claim)
    assert.equal(tick.state, 'live')
    if (tick.state !== 'live') throw new Error('fenced')
    return tick
  }

  /** What a heartbeat shows. */
  async view(): Promise<RelayView> {
    let seen: RelayView | undefined
    await this.beat((view) => {
      seen = view
      return []
    })
    assert.ok(seen !== undefined)
    return seen
  }

  /** All lanes and no limits, unless told otherwise. */
  async fetch(changes: Partial<FetchRequest> = {}): Promise<FetchedBatch> {
    const { lanes } = this
    return this.session.fetch({ lanes, inHand: [], fromStart: false, ...LIMITS, ...changes })
  }

  /** Everything that is to be delivered. */
  async fetchAll(): Promise<FetchedBatch> {
    return this.fetch({ fromStart: true })
  }

  /** Settles ids, which are ascending, as the next batch. */
  async settle(ids: readonly bigint[], number: number = ++this.#number): Promise<boolean> {
    const acks = [['contract', 0, '9007199254740993']] as const
    return this.session.settle({ relayId: this.id, number, ids: toRanges(ids), acks })
  }

  async park(
    scope: BlockedScope,
    ids: readonly bigint[],
    error = 'refused',
  ): Promise<readonly bigint[]> {
    return this.session.park(this.id, [{ scope, error, ids }])
  }

  /** Records that an event was refused. */
  async refuse(
    event: StoredEvent,
    next: RefusalOutcome,
    attempts = 1,
    error = 'refused',
  ): Promise<readonly bigint[]> {
    const { topic, key, lane, id } = event
    const scope = { topic, key, lane, eventId: id }
    return this.session.refuse(this.id, [{ scope, error, attempts, next }])
  }

  /** What is due on all lanes. */
  async due(changes: Partial<DueRequest> = {}): Promise<readonly BlockedEntry[]> {
    return this.session.due({ lanes: this.lanes, exceptTopics: [], limit: 1_000, ...changes })
  }

  async blocked(): Promise<readonly BlockedEntry[]> {
    return this.session.blocked(this.lanes)
  }

  /** The held events of entries; without limits, unless told otherwise. */
  async held(
    blockedIds: readonly bigint[],
    changes: Partial<HeldRequest> = {},
  ): Promise<FetchedBatch> {
    return this.session.fetchHeld({ blockedIds, inHand: [], ...LIMITS, ...changes })
  }

  async clean(changes: { retentionMs?: number; limit?: number } = {}): Promise<CleanResult> {
    const limits = { retentionMs: 0, limit: 1_000, leaseMs: TTL_MS }
    return this.session.clean(this.id, { ...limits, ...changes })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]()
  }
}

/** The block of an event's key. */
export function keyScope(event: { topic: string; key: string | null; lane: number }): BlockedScope {
  return { topic: event.topic, key: event.key, eventId: null, lane: event.lane }
}

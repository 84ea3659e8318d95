import type { Broker } from '../core/broker.ts'
import { BrokerError } from '../core/errors.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { RelayReport, RelaySession, RelayState, RelayView } from '../core/outbox-store.ts'
import { laneShare, lanesToClaim, lanesToRelease } from './lane-shares.ts'
import type { LanePolicy } from './lane-shares.ts'
import type { Lease } from './lease.ts'
import type { OutageLog } from './outage-log.ts'

const HEARTBEAT = 'the relay can not renew its lease in the database'
/** A relay that lives hands lanes over within two beats. */
const WAITING_MS = 3_000
const TAKEOVER = 'the lanes of a dead relay can not be taken over'

export interface MembershipParts {
  readonly policy: LanePolicy
  readonly ttlMs: number
  readonly session: RelaySession
  readonly broker: Pick<Broker, 'fence' | 'forget'>
  readonly lease: Lease
  readonly outages: OutageLog
  readonly clock: Clock
  readonly logger: Logger
  /** Aborted when this relay's life ends. */
  readonly ended: AbortSignal
  /** These lanes are ours now; nothing of them is fetched before this has resolved. */
  readonly onGained: (lanes: readonly number[]) => Promise<void>
  /** Resolves when nothing of these lanes is in hand any more. */
  readonly relinquish: (lanes: readonly number[]) => Promise<void>
  /** What operators are told with each beat. */
  readonly report: () => RelayReport
  /** Another relay has taken this one's place. */
  readonly onFenced: () => void
}

/**
 * A relay among the relays of its outbox: the heartbeat, its share of the lanes, and what is left
 * behind by those that died.
 *
 * Lanes change hands in two ways. *Handed over*: the owner fetches no more of them, waits until
 * nothing of them is in hand, and gives them back. *Taken over*, when the owner is dead: it is
 * marked fenced in the database, shut out at the broker, what its last batches had published is
 * settled, and only then are its lanes free. Each of these steps may be repeated, by anyone.
 */
export class Membership {
  readonly #parts: MembershipParts
  #owned: readonly number[] = []
  #relays: readonly RelayState[] = []
  /** Lanes on their way out; given back by the beat that finds them `ready`. */
  #leaving: { readonly lanes: readonly number[]; ready: boolean } | null = null
  #takingOver: Promise<void> | null = null
  #departing = false
  #beating: Promise<void> = Promise.resolve()
  #hurried = false
  #waitingSince: number | null
  #wake: (() => void) | null = null

  constructor(parts: MembershipParts) {
    this.#parts = parts
    this.#waitingSince = parts.clock.monotonic()
  }

  /** Lanes that this relay works on. */
  get owned(): readonly number[] {
    return this.#owned
  }

  /** This relay has no share of the lanes: others work, and it waits to replace one. */
  get standsBy(): boolean {
    return this.#relays.length > 0 && laneShare(this.#relays, this.#parts.policy) === 0
  }

  /** Beats until the relay's life ends. Never rejects. */
  async run(): Promise<void> {
    const { ttlMs, ended, outages } = this.#parts
    const everyMs = Math.min(1000, ttlMs / 5)
    ended.addEventListener('abort', () => this.#hurry(), { once: true })
    while (!ended.aborted) {
      try {
        this.#beating = this.#beat()
        await this.#beating
        outages.over(HEARTBEAT)
      } catch (error) {
        outages.failing(HEARTBEAT, error)
      }
      await this.#pause(everyMs)
    }
    await this.#takingOver
  }

  /** Claims nothing more; resolves when nothing is in hand. The lease is renewed meanwhile. */
  async leave(): Promise<void> {
    this.#departing = true
    // A beat under way may still gain lanes.
    await this.#beating.catch(() => {})
    await this.#parts.relinquish(this.#owned)
  }

  async #beat(): Promise<void> {
    const { session, policy, ttlMs, lease, ended } = this.#parts
    // In one line with the tick: a tick that still saw these lanes as ours would adopt them again.
    await this.#giveBack()
    const asked = lease.moment()
    const claim = (view: RelayView): readonly number[] =>
      this.#leaving === null && !this.#departing ? lanesToClaim(view, policy) : []
    const tick = await session.tick(policy.relayId, ttlMs, claim, this.#parts.report())
    if (ended.aborted) return
    if (tick.state === 'fenced') {
      this.#parts.onFenced()
      return
    }
    lease.renewed(asked)
    this.#relays = tick.relays
    if (this.#departing) return
    await this.#adopt(tick.owned)
    this.#tellWaiting()
    this.#relinquishSurplus()
    this.#takeOverTheDead()
  }

  async #adopt(owned: readonly number[]): Promise<void> {
    const before = new Set(this.#owned)
    const gained = owned.filter((lane) => !before.has(lane))
    if (gained.length > 0) await this.#parts.onGained(gained)
    this.#owned = owned
  }

  /** Says once why nothing is published yet: after a kill the lanes are the dead relay's for a while. */
  #tellWaiting(): void {
    const { clock, logger, ttlMs } = this.#parts
    if (this.#waitingSince === null) return
    if (this.#owned.length > 0) this.#waitingSince = null
    else if (this.standsBy) this.#waitingSince = clock.monotonic()
    else if (clock.monotonic() - this.#waitingSince > WAITING_MS) {
      this.#waitingSince = null
      logger.warn(
        `oncommit: relay waits, others keep all lanes. Those of one that was killed are taken over ${ttlMs / 1000} s after its last sign of life`,
      )
    }
  }

  #relinquishSurplus(): void {
    if (this.#leaving !== null) return
    const lanes = lanesToRelease(this.#owned, this.#relays, this.#parts.policy)
    if (lanes.length === 0) return
    const leaving = { lanes, ready: false }
    this.#leaving = leaving
    void this.#parts.relinquish(lanes).then(() => {
      leaving.ready = true
      this.#hurry()
    })
  }

  async #giveBack(): Promise<void> {
    const leaving = this.#leaving
    if (leaving === null || !leaving.ready) return
    await this.#parts.session.release(this.#parts.policy.relayId, leaving.lanes)
    const given = new Set(leaving.lanes)
    this.#owned = this.#owned.filter((lane) => !given.has(lane))
    this.#leaving = null
  }

  #takeOverTheDead(): void {
    if (this.#takingOver !== null) return
    const dead = this.#relays.filter((relay) => relay.state !== 'live')
    if (dead.length === 0) {
      this.#parts.outages.over(TAKEOVER)
      return
    }
    this.#takingOver = this.#takeOver(dead.map((relay) => relay.id))
      .then(
        () => this.#parts.outages.over(TAKEOVER),
        (error: unknown) => {
          // Another relay takes it over at the same time: whatever it leaves is seen at the next beat.
          const overtaken = error instanceof BrokerError && error.kind === 'fenced'
          if (!overtaken && !this.#parts.ended.aborted) this.#parts.outages.failing(TAKEOVER, error)
        },
      )
      .finally(() => {
        this.#takingOver = null
      })
  }

  async #takeOver(dead: readonly string[]): Promise<void> {
    const { session, broker, ended } = this.#parts
    for (const relayId of dead) {
      const fence = await session.markFenced(relayId)
      if (fence === null) continue
      for (const batch of await broker.fence(fence, ended)) {
        await session.settle({ ...batch, relayId, acks: [] })
      }
      await session.bury(relayId)
      // Its lanes are free. After a failure the next beat is soon enough: two that try at once take turns.
      this.#hurry()
      await broker.forget(fence)
    }
  }

  /** Until the next beat is due, or something happened that it should look at. */
  async #pause(ms: number): Promise<void> {
    if (!this.#hurried) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      const timer = setTimeout(resolve, ms)
      await promise
      clearTimeout(timer)
      this.#wake = null
    }
    this.#hurried = false
  }

  #hurry(): void {
    this.#hurried = true
    this.#wake?.()
  }
}

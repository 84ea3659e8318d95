import { backoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import type { StoredEvent } from '../core/event.ts'
import type { BlockedScope, ParkedEvents, RelaySession } from '../core/outbox-store.ts'
import type { RefusedEvent } from '../core/refusals.ts'
import type { OutageLog } from './outage-log.ts'

const RETRY = { firstMs: 50, maxMs: 5_000, jitter: 0.2 }
const PARKING = 'blocked events can not be moved aside in the database'
const RECORDING = 'refused events can not be recorded in the database'
const MAX_ERROR_LENGTH = 500

/** An event that can't be published now, and what it waits under. */
export interface WaitingEvent {
  readonly event: StoredEvent
  readonly scope: BlockedScope
  readonly error: string
}

/** Moves events that were refused, or have to wait, out of the relay's way, in the store. */
export class Parking {
  readonly #relayId: string
  readonly #session: RelaySession
  readonly #outages: OutageLog
  readonly #clock: Clock
  readonly #ended: AbortSignal

  constructor(parts: {
    relayId: string
    session: RelaySession
    outages: OutageLog
    clock: Clock
    ended: AbortSignal
  }) {
    this.#relayId = parts.relayId
    this.#session = parts.session
    this.#outages = parts.outages
    this.#clock = parts.clock
    this.#ended = parts.ended
  }

  /** Tried until the store has it, or this relay's life ends: then its successor meets the events again. */
  async park(waiting: readonly WaitingEvent[]): Promise<void> {
    if (waiting.length === 0) return
    const parked = byScope(waiting)
    await this.#insist(PARKING, () => this.#session.park(this.#relayId, parked))
  }

  /** The same for what was refused. To be recorded before what waits behind it is parked. */
  async refuse(refused: readonly RefusedEvent[]): Promise<void> {
    if (refused.length === 0) return
    await this.#insist(RECORDING, () => this.#session.refuse(this.#relayId, refused))
  }

  async #insist(what: string, act: () => Promise<unknown>): Promise<void> {
    for (let failures = 1; ; failures++) {
      try {
        await act()
        this.#outages.over(what)
        return
      } catch (error) {
        this.#outages.failing(what, error)
        this.#ended.throwIfAborted()
        await this.#clock.sleep(backoffMs(RETRY, failures), this.#ended)
      }
    }
  }
}

function byScope(waiting: readonly WaitingEvent[]): readonly ParkedEvents[] {
  const groups = new Map<string, { scope: BlockedScope; error: string; ids: bigint[] }>()
  for (const { event, scope, error } of waiting) {
    const name = JSON.stringify([scope.topic, scope.key, String(scope.eventId), scope.lane])
    const group = groups.get(name)
    if (group !== undefined) group.ids.push(event.id)
    else groups.set(name, { scope, error: error.slice(0, MAX_ERROR_LENGTH), ids: [event.id] })
  }
  return [...groups.values()]
}

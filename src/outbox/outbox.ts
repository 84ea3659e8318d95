import { EventError, TransactionError, describe } from '../core/errors.ts'
import type { EventInput } from '../core/event.ts'
import type { OutboxStore } from '../core/outbox-store.ts'
import { encodeEvent } from './encode-event.ts'
import type { EventLimits } from './encode-event.ts'

/** The sending side: checks, encodes, appends inside the caller's transaction. */
export class Outbox<Tx> {
  readonly #store: OutboxStore<Tx>
  readonly #limits: EventLimits
  readonly #onSent: () => void

  constructor(store: OutboxStore<Tx>, limits: EventLimits, onSent: () => void) {
    this.#store = store
    this.#limits = limits
    this.#onSent = onSent
  }

  /** The store is called before this returns, so that what the caller runs next comes after it. */
  async send(tx: Tx, events: EventInput | readonly EventInput[]): Promise<void> {
    refuseSwapped(tx, events)
    const encoded = Array.isArray(events)
      ? events.map((event: EventInput, index) => this.#encodeOne(event, index))
      : [encodeEvent(events as EventInput, this.#limits)]
    if (encoded.length === 0) return
    await this.#store.append(tx, encoded)
    this.#onSent()
  }

  #encodeOne(event: EventInput, index: number): ReturnType<typeof encodeEvent> {
    try {
      return encodeEvent(event, this.#limits)
    } catch (error) {
      if (!(error instanceof EventError)) throw error
      throw new EventError(`event ${index}: ${error.message}`, { cause: error.cause ?? error })
    }
  }
}

function refuseSwapped(tx: unknown, events: unknown): void {
  if (!isLikeEvents(tx) || isLikeEvents(events)) return
  throw new TransactionError(
    `the transaction comes first: send(tx, event): got an event in its place, and ${describe(events)} as the event`,
  )
}

function isLikeEvents(value: unknown): boolean {
  const first: unknown = Array.isArray(value) ? value[0] : value
  return typeof (first as { topic?: unknown } | null | undefined)?.topic === 'string'
}

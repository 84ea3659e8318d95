import { EventError } from '../core/errors.ts'
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

  async send(tx: Tx, events: EventInput | readonly EventInput[]): Promise<void> {
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
      throw new EventError(`event ${index}: ${error.message}`, { cause: error })
    }
  }
}

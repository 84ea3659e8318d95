import type { DecodedEvent } from '../core/codec.ts'
import { EventError } from '../core/errors.ts'
import type { Broken } from './broken.ts'
import type { Delivery } from './reading/marks.ts'

/** Who is told that an event is handled. */
export interface Acknowledger {
  acknowledge(delivery: Delivery): Promise<void>
}

/** An event as a reader gets it. Bytes of payload, key and headers are those that were sent. */
export class ReceivedEvent<T = unknown> {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** Set where no codec could read it and `onBroken` is `deliver`: `payload` and `headers` are the record's. */
  readonly broken: Broken | undefined
  readonly #decoded: DecodedEvent
  readonly #publishedAt: number
  readonly #delivery: Delivery
  readonly #acknowledger: Acknowledger

  /** @internal */
  constructor(
    delivery: Delivery,
    decoded: DecodedEvent,
    publishedAt: number,
    acknowledger: Acknowledger,
    broken?: Broken,
  ) {
    this.broken = broken
    this.topic = delivery.of.topic
    this.partition = delivery.of.partition
    this.offset = delivery.offset
    this.#publishedAt = publishedAt
    this.#decoded = decoded
    this.#delivery = delivery
    this.#acknowledger = acknowledger
  }

  /** The same however often the event is published; `undefined` on records of other systems that have none. */
  get uuid(): string | undefined {
    return this.#decoded.uuid
  }

  /** When it happened, as the sender said. */
  get timestamp(): Date | undefined {
    return this.#decoded.timestamp
  }

  /** When it was published. */
  get publishedAt(): Date {
    return new Date(this.#publishedAt)
  }

  /** `null` is no key; the empty string is one. */
  get key(): string | null {
    return this.#decoded.key
  }

  get msgType(): string {
    return this.#decoded.msgType
  }

  get mimeType(): string {
    return this.#decoded.mimeType
  }

  /** In the sender's order; a name may occur more than once. */
  get headers(): readonly (readonly [name: string, value: Buffer])[] {
    return this.#decoded.headers
  }

  /** `null` is a tombstone. */
  get payload(): Buffer | null {
    return this.#decoded.payload
  }

  /**
   * What the payload means: what the topic's schema or the codec made of it, else its JSON. Throws
   * as `json()` does, where neither had a part in it.
   */
  get data(): T {
    return 'data' in this.#decoded ? (this.#decoded.data as T) : this.json<T>()
  }

  /** The text of the first header of this name. */
  header(name: string): string | undefined {
    return this.#decoded.headers.find(([own]) => own === name)?.[1].toString()
  }

  /** The payload as text; empty for a tombstone. */
  text(): string {
    return this.#decoded.payload?.toString() ?? ''
  }

  /** The payload as JSON; `null` for a tombstone. Throws an `EventError` where it isn't JSON. */
  json<Json = unknown>(): Json {
    if (this.#decoded.payload === null) return null as Json
    try {
      return JSON.parse(this.#decoded.payload.toString()) as Json
    } catch (cause) {
      const place = `${this.topic}-${this.partition}@${this.offset}`
      throw new EventError(`the payload of ${place} is no JSON`, { cause })
    }
  }

  /**
   * Marks it handled, whatever the loop does next. With `commit: 'message'` it resolves when that is
   * committed. After the stream has ended, or the partition has gone to another member, it does
   * nothing: the event comes again.
   */
  ack(): Promise<void> {
    return this.#acknowledger.acknowledge(this.#delivery)
  }
}

import type { Codec, DecodedEvent, LogRecord } from '../../core/codec.ts'
import type { Broken } from '../broken.ts'
import type { BrokenRecords } from './broken-records.ts'
import type { Intake } from './intake/intake.ts'
import type { Delivery } from '../reading/marks.ts'
import { passRest } from './pass-rest.ts'
import type { ReadPage, Reader } from '../reading/reader.ts'
import { type Acknowledger, ReceivedEvent } from '../received-event.ts'

export interface PagesInHandParts {
  readonly codecFor: (topic: string) => Codec
  readonly intake: Intake
  readonly brokenRecords: BrokenRecords
  readonly acknowledger: Acknowledger
  /** Whether something is due where a page ends, before the next one is begun. */
  readonly stopsAtEnds: boolean
  readonly onDelivered: (delivery: Delivery) => void
}

interface Unreadable {
  readonly own: ReadPage
  readonly record: LogRecord
  readonly cause: unknown
}

/** The pages that a loop goes through, event by event. */
export class PagesInHand {
  readonly #parts: PagesInHandParts
  #pages: ReadPage[] = []
  #at = 0
  #broken: Unreadable | null = null
  #isPageEnded = false

  constructor(parts: PagesInHandParts) {
    this.#parts = parts
  }

  /** A record that no codec reads is next: `settle` says what becomes of it. */
  get isBroken(): boolean {
    return this.#broken !== null
  }

  /** The next event; `null` where there is none, or something is due before it. */
  next(reader: Reader): ReceivedEvent | null {
    for (let own = this.#pages[0]; own !== undefined; own = this.#pages[0]) {
      if (own.epoch !== reader.epoch) this.#pages = []
      else {
        const record = own.page.records[this.#at]
        if (record !== undefined) return this.#decode(own, record)
        own.mark.pass(own.page.nextOffset)
        this.#pages.shift()
        this.#at = 0
        reader.progressed()
        this.#isPageEnded = true
        if (this.#parts.stopsAtEnds) return null
      }
    }
    return null
  }

  /** Whether a page has ended since the last time that this was asked. */
  takeEnd(): boolean {
    const isEnded = this.#isPageEnded
    this.#isPageEnded = false
    return isEnded
  }

  get isPageEnded(): boolean {
    return this.#isPageEnded
  }

  /** Takes the pages that are next; `false` where there are none yet. Throws what ended the reading. */
  refill(reader: Reader): boolean {
    const pages = this.#parts.intake.take(reader)
    if (pages === null) return false
    this.#pages = pages
    this.#at = 0
    return true
  }

  /** The event in a broken record's place; `null` where there is none, or it was passed over. */
  async settle(reader: Reader, leaving: AbortSignal): Promise<ReceivedEvent | null> {
    if (this.#broken === null) return null
    const { own, record, cause } = this.#broken
    this.#broken = null
    const { topic, partition } = own.page
    const { brokenRecords, intake } = this.#parts
    const mended = await brokenRecords.settle({ ...record, topic, partition, cause }, leaving)
    if (leaving.aborted || own.epoch !== reader.epoch) return null
    if (mended !== null) return this.#received(own, record, mended.decoded, mended.broken)
    this.#at += 1
    intake.handed()
    own.mark.pass(record.offset + 1n)
    reader.progressed()
    return null
  }

  /** Drops what is not handed out; marks pass what was given up behind the last event. */
  end(epoch: number): void {
    passRest(this.#unread(), epoch)
    this.#pages = []
  }

  #decode(own: ReadPage, record: LogRecord): ReceivedEvent | null {
    const { topic } = own.page
    let decoded: DecodedEvent
    try {
      decoded = this.#parts.codecFor(topic).decode(record, topic)
    } catch (cause) {
      this.#broken = { own, record, cause }
      return null
    }
    return this.#received(own, record, decoded)
  }

  #received(
    { mark }: ReadPage,
    record: LogRecord,
    decoded: DecodedEvent,
    broken?: Broken,
  ): ReceivedEvent {
    const { intake, acknowledger, onDelivered } = this.#parts
    this.#at += 1
    intake.handed()
    const delivery = mark.deliver(record.offset)
    onDelivered(delivery)
    return new ReceivedEvent(delivery, decoded, record.timestamp, acknowledger, broken)
  }

  /** What was fetched and not handed out. */
  #unread(): ReadPage[] {
    const [first, ...others] = this.#pages
    const waiting = this.#parts.intake.rest()
    if (first === undefined) return waiting
    const page = { ...first.page, records: first.page.records.slice(this.#at) }
    return [{ ...first, page }, ...others, ...waiting]
  }
}

import type { LogRecord } from '../../../core/codec.ts'
import { BackpressureError } from '../../../core/errors.ts'
import type { BackpressureSettings } from '../backpressure.ts'
import type { Counting } from '../counts.ts'
import type { Intake } from './intake.ts'
import type { PartitionMark } from '../../reading/marks.ts'
import type { Reader, ReadPage } from '../../reading/reader.ts'
import { takeQuietly } from './take-quietly.ts'

type Settings = Extract<BackpressureSettings, { strategy: 'error' | 'drop' }>

/**
 * So many events wait, those of the pages in the loop's hand included. What arrives above that is
 * thrown away, or ends the stream once those that wait are handed out. A page without the records
 * that were thrown away still ends where they ended, so that the mark passes them in its turn.
 */
export class BoundedIntake implements Intake {
  readonly #settings: Settings
  readonly #counts: Counting
  readonly #pages = new Map<PartitionMark, ReadPage>()
  #waiting = 0
  #epoch = 0
  #overflow: BackpressureError | null = null

  constructor(settings: Settings, counts: Counting) {
    this.#settings = settings
    this.#counts = counts
  }

  arrived(reader: Reader): void {
    if (reader.epoch !== this.#epoch) {
      this.#epoch = reader.epoch
      this.#pages.clear()
      this.#waiting = 0
      this.#overflow = null
    }
    if (this.#overflow !== null) return
    for (const own of takeQuietly(reader) ?? []) if (this.#overflow === null) this.#admit(own)
  }

  handed(): void {
    this.#waiting -= 1
  }

  take(reader: Reader): ReadPage[] | null {
    this.arrived(reader)
    if (this.#pages.size > 0) {
      const pages = this.rest()
      this.#pages.clear()
      return pages
    }
    if (this.#overflow !== null) throw this.#overflow
    return reader.take()
  }

  rest(): ReadPage[] {
    return [...this.#pages.values()]
  }

  #admit(own: ReadPage): void {
    const { maxEvents } = this.#settings
    const { records, nextOffset } = own.page
    const room = maxEvents - this.#waiting
    const [first, ...others] = records.slice(room)
    this.#waiting += Math.min(room, records.length)
    if (first === undefined) this.#wait(own, records, nextOffset)
    else if (this.#settings.strategy === 'drop') {
      this.#wait(own, records.slice(0, room), nextOffset)
      for (const record of [first, ...others]) this.#drop(own, record, this.#settings.onDrop)
    } else {
      this.#wait(own, records.slice(0, room), first.offset)
      const { topic, partition } = own.page
      this.#overflow = new BackpressureError({ topic, partition, offset: first.offset, maxEvents })
    }
  }

  #wait(own: ReadPage, records: readonly LogRecord[], nextOffset: bigint): void {
    const before = this.#pages.get(own.mark)?.page.records ?? []
    const page = { ...own.page, records: [...before, ...records], nextOffset }
    this.#pages.set(own.mark, { ...own, page })
  }

  #drop(
    own: ReadPage,
    record: LogRecord,
    onDrop: Extract<Settings, { strategy: 'drop' }>['onDrop'],
  ): void {
    this.#counts.dropped += 1
    onDrop({ topic: own.page.topic, partition: own.page.partition, ...record })
  }
}

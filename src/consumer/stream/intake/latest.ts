import type { LogRecord } from '../../../core/codec.ts'
import { recordBytes } from '../../../core/codec.ts'
import { MAX_WAITING_BYTES } from '../backpressure.ts'
import type { BackpressureSettings } from '../backpressure.ts'
import type { Counting } from '../counts.ts'
import type { Intake } from './intake.ts'
import type { PartitionMark } from '../../reading/marks.ts'
import type { Reader, ReadPage } from '../../reading/reader.ts'
import { takeQuietly } from './take-quietly.ts'

type Settings = Extract<BackpressureSettings, { strategy: 'latest' }>

interface Newest {
  readonly own: ReadPage
  readonly record: LogRecord
}

/**
 * One event waits, or one of each key, and a newer one takes its place, at the end: in a partition
 * they are handed out by their offsets, so that a mark passes what was replaced before them. What
 * is taken is a round, and nothing replaces it any more.
 */
export class LatestIntake implements Intake {
  readonly #settings: Settings
  readonly #counts: Counting
  readonly #newest = new Map<string, Newest>()
  /** The last page of each partition: where its round ends. */
  readonly #ends = new Map<PartitionMark, ReadPage>()
  #bytes = 0
  #epoch = 0

  constructor(settings: Settings, counts: Counting) {
    this.#settings = settings
    this.#counts = counts
  }

  arrived(reader: Reader): void {
    if (reader.epoch !== this.#epoch) {
      this.#epoch = reader.epoch
      this.#clear()
    }
    // So many keys that they fill the memory make the reader pause.
    if (this.#bytes >= MAX_WAITING_BYTES) return
    for (const own of takeQuietly(reader) ?? []) {
      this.#ends.set(own.mark, own)
      for (const record of own.page.records) this.#replace(own, record)
    }
  }

  handed(): void {}

  take(reader: Reader): ReadPage[] | null {
    this.arrived(reader)
    if (this.#ends.size === 0) return reader.take()
    const pages = this.rest()
    this.#clear()
    return pages
  }

  /** Those without an event first: they only move marks. */
  rest(): ReadPage[] {
    const waiting = Map.groupBy(this.#newest.values(), ({ own }) => own.mark)
    const pages: ReadPage[] = []
    for (const [mark, own] of this.#ends) {
      const records = (waiting.get(mark) ?? []).map(({ record }) => record)
      pages.push({ ...own, page: { ...own.page, records } })
    }
    return pages.toSorted((one, other) => one.page.records.length - other.page.records.length)
  }

  #replace(own: ReadPage, record: LogRecord): void {
    const { topic, partition } = own.page
    const { by, onDrop } = this.#settings
    const place = by === null ? '' : `${topic}/${partition}/${record.key?.toString('latin1') ?? ''}`
    const old = this.#newest.get(place)
    this.#newest.delete(place)
    this.#newest.set(place, { own, record })
    this.#bytes += recordBytes(record)
    if (old === undefined) return
    this.#bytes -= recordBytes(old.record)
    this.#counts.replaced += 1
    onDrop({ topic: old.own.page.topic, partition: old.own.page.partition, ...old.record })
  }

  #clear(): void {
    this.#newest.clear()
    this.#ends.clear()
    this.#bytes = 0
  }
}

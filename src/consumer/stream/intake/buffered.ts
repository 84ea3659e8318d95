import { recordBytes } from '../../../core/codec.ts'
import type { Intake } from './intake.ts'
import type { Reader, ReadPage } from '../../reading/reader.ts'
import { takeQuietly } from './take-quietly.ts'

/** Pages wait up to a number of bytes, then the reader pauses. */
export class BufferedIntake implements Intake {
  readonly #maxBytes: number
  #waiting: { readonly own: ReadPage; readonly bytes: number }[] = []
  #bytes = 0
  #epoch = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  arrived(reader: Reader): void {
    if (reader.epoch !== this.#epoch) {
      this.#epoch = reader.epoch
      this.#waiting = []
      this.#bytes = 0
    }
    while (this.#bytes < this.#maxBytes) {
      const pages = takeQuietly(reader)
      if (pages === null) return
      for (const own of pages) {
        let bytes = 0
        for (const record of own.page.records) bytes += recordBytes(record)
        this.#waiting.push({ own, bytes })
        this.#bytes += bytes
      }
    }
  }

  handed(): void {}

  take(reader: Reader): ReadPage[] | null {
    this.arrived(reader)
    const next = this.#waiting.shift()
    if (next === undefined) return reader.take()
    this.#bytes -= next.bytes
    this.arrived(reader)
    return [next.own]
  }

  rest(): ReadPage[] {
    return []
  }
}

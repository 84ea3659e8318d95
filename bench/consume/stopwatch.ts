import type { Finding } from './job.ts'

/** From the first event, which comes after connecting and joining, to the last. */
export class Stopwatch {
  readonly #events: number
  #seen = 0
  #began = 0
  #cpu: NodeJS.CpuUsage | undefined
  #finding: Finding | undefined

  constructor(events: number) {
    this.#events = events
  }

  /** So many events more; `true` where they were the last. */
  count(events: number): boolean {
    if (this.#seen === 0) {
      this.#began = performance.now()
      this.#cpu = process.cpuUsage()
    }
    this.#seen += events
    if (this.#seen < this.#events) return false
    const seconds = (performance.now() - this.#began) / 1000
    const { user, system } = process.cpuUsage(this.#cpu)
    this.#finding = { perSecond: this.#seen / seconds, cpuMicros: (user + system) / this.#seen }
    return true
  }

  finding(): Finding {
    if (this.#finding === undefined) throw new Error(`${this.#seen} of ${this.#events} events came`)
    return this.#finding
  }
}

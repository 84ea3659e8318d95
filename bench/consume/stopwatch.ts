import type { Finding } from './job.ts'

/**
 * From the event behind the first `warmUp` ones to the last: connecting and joining are over then,
 * and the engine has compiled what it runs often, as in a process that runs for longer than this.
 */
export class Stopwatch {
  readonly #warmUp: number
  readonly #events: number
  #seen = 0
  #before = 0
  #began = 0
  #cpu: NodeJS.CpuUsage | undefined
  #finding: Finding | undefined

  constructor({ warmUp, events }: { readonly warmUp: number; readonly events: number }) {
    this.#warmUp = warmUp
    this.#events = warmUp + events
  }

  /** So many events more; `true` where they were the last. */
  count(events: number): boolean {
    this.#seen += events
    if (this.#seen < this.#warmUp) return false
    if (this.#cpu === undefined) {
      this.#before = this.#seen
      this.#began = performance.now()
      this.#cpu = process.cpuUsage()
    }
    if (this.#seen < this.#events) return false
    const measured = this.#seen - this.#before
    const seconds = (performance.now() - this.#began) / 1000
    const { user, system } = process.cpuUsage(this.#cpu)
    this.#finding ??= { perSecond: measured / seconds, cpuMicros: (user + system) / measured }
    return true
  }

  finding(): Finding {
    if (this.#finding === undefined) throw new Error(`${this.#seen} of ${this.#events} events came`)
    return this.#finding
  }
}

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Report } from './report.ts'
import type { Place } from './shop.ts'

/** The processes of the shop, and what they report. */
export class Processes implements Disposable {
  readonly #place: Place
  readonly #onReport: (report: Report) => void
  readonly #running = new Set<ChildProcess>()
  readonly #lanes = new Map<ChildProcess, number>()
  #onLanes: (() => void) | null = null

  constructor(place: Place, onReport: (report: Report) => void) {
    this.#place = place
    this.#onReport = onReport
  }

  spawn(file: string, args: readonly string[] = []): ChildProcess {
    const child = fork(join(import.meta.dirname, file), args, {
      env: { ...process.env, SHOP_PLACE: JSON.stringify(this.#place) },
    })
    this.#running.add(child)
    child.on('message', (message) => {
      const report = message as Report
      if (report.lanes !== undefined) this.#lanes.set(child, report.lanes)
      this.#onLanes?.()
      this.#onReport(report)
    })
    child.once('exit', () => {
      this.#running.delete(child)
      this.#lanes.delete(child)
    })
    return child
  }

  /** Resolves when the process says that it is ready. */
  async start(file: string): Promise<void> {
    const child = this.spawn(file)
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`${file} ended with ${code} before it was ready`)
      }),
    ])
  }

  /** Kills the relay that owns the most lanes, when one owns any. Gives its process id. */
  async killTheWorkingRelay(): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<ChildProcess>()
    const look = (): void => {
      const [most] = [...this.#lanes].toSorted(([, a], [, b]) => b - a)
      if (most !== undefined && most[1] > 0) resolve(most[0])
    }
    this.#onLanes = look
    look()
    const relay = await promise
    this.#onLanes = null
    relay.kill('SIGKILL')
    await once(relay, 'exit')
    return relay.pid ?? 0
  }

  /** Lets every process finish what it has in hand. */
  async end(): Promise<void> {
    const ends = [...this.#running].map((child) => once(child, 'exit'))
    for (const child of this.#running) if (child.connected) child.disconnect()
    await Promise.all(ends)
  }

  [Symbol.dispose](): void {
    for (const child of this.#running) child.kill('SIGKILL')
  }
}

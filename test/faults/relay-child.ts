import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { RelayJob, RelayReport } from './relay-process.ts'

/** A relay process, as the one that kills it sees it. */
export class RelayChild implements AsyncDisposable {
  readonly #child: ChildProcess
  #report: RelayReport = { relayId: null, lanes: 0, published: 0 }
  #log = ''

  constructor(job: RelayJob) {
    const program = join(import.meta.dirname, 'relay-process.ts')
    this.#child = fork(program, [JSON.stringify(job)], {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
    this.#child.on('message', (report) => (this.#report = report as RelayReport))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#log += text))
  }

  get report(): RelayReport {
    return this.#report
  }

  /** What it logged: for the one who looks for a cause. */
  get log(): string {
    return this.#log
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  /** Lets it finish what is in hand. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isAlive) return
    const exited = once(this.#child, 'exit')
    const hung = setTimeout(() => this.#child.kill('SIGKILL'), 30_000)
    this.thaw()
    if (this.#child.connected) this.#child.disconnect()
    await exited
    clearTimeout(hung)
  }
}

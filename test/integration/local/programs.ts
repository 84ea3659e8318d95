import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TopicPartition } from '../../../src/core/log.ts'

/** What a program of a test is to do with the log in `file`. */
export type Task =
  | { readonly do: 'open'; readonly file: string }
  | { readonly do: 'publish'; readonly file: string; readonly topic: string }
  | {
      readonly do: 'read'
      readonly file: string
      readonly topic: string
      readonly group: string
      readonly sessionTimeoutMs: number
    }

export type Told =
  | { readonly event: 'opened' }
  | { readonly event: 'publisher'; readonly relayId: string; readonly fence: string }
  | { readonly event: 'committed'; readonly number: number }
  | { readonly event: 'assigned'; readonly partitions: readonly TopicPartition[] }
  /** What it handled is in the file beside the log, `<file>.handled`, a line for each. */
  | { readonly event: 'handled' }
  | { readonly event: 'lost' }
  | { readonly event: 'freezing' }
  | { readonly event: 'lateCommit'; readonly taken: boolean }
  | { readonly event: 'failed'; readonly kind: string }

/** A program of its own, and what it told. */
export class Program {
  readonly told: Told[] = []
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>
  #heard = Promise.withResolvers<void>()

  constructor(task: Task) {
    this.#child = fork(join(import.meta.dirname, 'program.ts'), [JSON.stringify(task)])
    this.#exit = once(this.#child, 'exit')
    this.#child.on('message', (message) => {
      this.told.push(message as Told)
      this.#heard.resolve()
      this.#heard = Promise.withResolvers()
    })
  }

  all<E extends Told['event']>(event: E): Extract<Told, { event: E }>[] {
    return this.told.filter((one): one is Extract<Told, { event: E }> => one.event === event)
  }

  async until(isSo: () => boolean, what: string): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 30_000)
    while (!isSo()) {
      await Promise.race([this.#heard.promise, this.#exit])
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) break
    }
    clearTimeout(timer)
    if (!isSo()) throw new Error(`it ended before ${what}`)
  }

  /** Lets it finish: readers leave their group. */
  async end(): Promise<void> {
    // It may be ending already.
    if (this.#child.connected) this.#child.send('end', () => {})
    await this.#exit
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exit
  }

  async freeze(): Promise<void> {
    this.#child.send('freeze')
    await this.until(() => this.all('freezing').length > 0, 'it froze')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }
}

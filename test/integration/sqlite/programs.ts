import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** What a program of a test is to do with the outbox in `file`. */
export interface Task {
  readonly do: 'migrate' | 'write' | 'relay' | 'handle'
  readonly file: string
  /** What a relay published, a line for each event. */
  readonly published: string
  /** What is to be handled once. */
  readonly uuids?: readonly string[]
}

export type Told =
  | { readonly event: 'migrated'; readonly applied: number }
  /** A transaction committed: the order it placed. */
  | { readonly event: 'committed'; readonly order: string }
  | { readonly event: 'settled' }
  /** An event was handled, or was known (`fresh: 0`). */
  | { readonly event: 'handled'; readonly fresh: number }
  | { readonly event: 'failed'; readonly reason: string }

/** A program of its own, and what it told. */
export class Program {
  readonly told: Told[] = []
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>
  #heard = Promise.withResolvers<void>()
  #isOver = false

  constructor(task: Task) {
    this.#child = fork(join(import.meta.dirname, 'program.ts'), [JSON.stringify(task)])
    // What it told last may arrive after it has ended.
    const ends = [once(this.#child, 'exit'), once(this.#child, 'disconnect')]
    this.#exit = Promise.all(ends).then(() => (this.#isOver = true))
    this.#child.on('message', (message) => {
      this.told.push(message as Told)
      this.#heard.resolve()
      this.#heard = Promise.withResolvers()
    })
  }

  all<E extends Told['event']>(event: E): Extract<Told, { event: E }>[] {
    return this.told.filter((one): one is Extract<Told, { event: E }> => one.event === event)
  }

  /** Resolves when it has told that of an event `count` times. */
  async until(event: Told['event'], count: number): Promise<void> {
    while (this.all(event).length < count) {
      await Promise.race([this.#heard.promise, this.#exit])
      const [failed] = this.all('failed')
      if (failed !== undefined) throw new Error(failed.reason)
      if (this.#isOver) break
    }
    if (this.all(event).length < count)
      throw new Error(
        `it ended (${this.#child.exitCode ?? this.#child.signalCode}) at ${event} ${this.all(event).length} of ${count}`,
      )
  }

  async exit(): Promise<void> {
    await this.#exit
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exit()
  }
}

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StreamOptions } from '../../../src/consumer/stream/options.ts'

/** Which stream a program of its own reads, until it is killed. */
export interface Task {
  readonly at: { readonly file: string } | { readonly address: string }
  readonly topic: string
  readonly options: StreamOptions
  /** The file in which it notes what it was given. */
  readonly diary: string
}

/** An event that a program was given, by its header `number`, and when. */
export interface Given {
  readonly number: number
  readonly time: number
}

export class Program {
  /** How many events it has told of. */
  given: number = 0
  readonly #diary: string
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>

  constructor(task: Task) {
    this.#diary = task.diary
    this.#child = fork(join(import.meta.dirname, 'program.ts'), [JSON.stringify(task)])
    this.#exit = once(this.#child, 'exit')
    this.#child.on('message', () => {
      this.given += 1
    })
  }

  /** Kills it, and gives the events that it was given. */
  async kill(): Promise<readonly Given[]> {
    this.#child.kill('SIGKILL')
    await this.#exit
    const lines = readFileSync(this.#diary, 'utf8').trimEnd().split('\n')
    return lines.map((line) => {
      const [number, time] = line.split(' ').map(Number)
      return { number: number ?? Number.NaN, time: time ?? Number.NaN }
    })
  }
}

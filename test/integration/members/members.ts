import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { History } from './history.ts'
import { clockMs, type Stopped, type Task, type Told } from './task.ts'

/** A member of a group in a process of its own. */
export class Member {
  readonly told: Told[] = []
  /** How many events it has told of that it handled. */
  handled = 0
  readonly diary: string
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>
  #heard = Promise.withResolvers<void>()

  constructor(task: Task) {
    this.diary = task.diary
    this.#child = fork(join(import.meta.dirname, 'program.ts'), [JSON.stringify(task)])
    // It may be seen to have ended before all that it told is read.
    this.#exit = Promise.all([once(this.#child, 'exit'), once(this.#child, 'disconnect')])
    this.#child.on('message', (message) => {
      const told = message as Told
      if (told.event === 'handled') this.handled += 1
      else this.told.push(told)
      this.#heard.resolve()
      this.#heard = Promise.withResolvers()
    })
  }

  /** Waits until what it told makes `isSo` true. */
  async until(what: string, isSo: (told: readonly Told[]) => boolean, ms = 60_000): Promise<void> {
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, ms)
    const deadline = clockMs() + ms
    while (!isSo(this.told) && this.#isAlive && clockMs() < deadline)
      await Promise.race([this.#heard.promise, this.#exit, late.promise])
    clearTimeout(timer)
    if (!isSo(this.told)) throw new Error(`${what}: not within ${ms} ms\n${this.log()}`)
  }

  async untilHandled(count: number): Promise<void> {
    await this.until(`${count} are handled`, () => this.handled >= count)
  }

  /** The handler of the next event that it is given does not end. Gives its number. */
  async hang(): Promise<number> {
    this.#child.send('hang')
    let number = -1
    await this.until('it hangs', (told) => {
      const hung = told.find((one) => one.event === 'hung')
      if (hung !== undefined) ({ number } = hung)
      return hung !== undefined
    })
    return number
  }

  /** Tells it to stop, and waits until the process has ended by itself. */
  async terminate(): Promise<Stopped> {
    await this.until('it listens', (told) => told.some(({ event }) => event === 'ready'))
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 60_000)
    await this.#exit
    clearTimeout(timer)
    const stopped = this.told.find((one) => one.event === 'stopped')
    if (stopped === undefined || this.#child.exitCode !== 0)
      throw new Error(
        `it did not end by itself (${this.#child.signalCode ?? this.#child.exitCode})\n${this.log()}`,
      )
    return stopped.result
  }

  /** Gives when. */
  async kill(): Promise<number> {
    const at = clockMs()
    this.#child.kill('SIGKILL')
    await this.#exit
    return at
  }

  async ended(): Promise<void> {
    await this.#exit
  }

  /** Stops its clock (SIGSTOP). Gives when. */
  async freeze(): Promise<number> {
    const count = this.told.length
    this.#child.send('freeze')
    await this.until('it freezes', (told) => {
      return told.slice(count).some(({ event }) => event === 'freezing')
    })
    return clockMs()
  }

  /** Lets it go on. Gives when. */
  thaw(): number {
    const at = clockMs()
    this.#child.kill('SIGCONT')
    return at
  }

  /** The end of what it logged. */
  log(): string {
    try {
      return readFileSync(`${this.diary}.log`, 'utf8').split('\n').slice(-20).join('\n')
    } catch {
      return 'it logged nothing'
    }
  }

  get #isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async end(): Promise<void> {
    if (this.#isAlive) await this.kill()
  }
}

/** Members of one group, with their diaries in a folder of theirs. */
export class Members implements AsyncDisposable {
  readonly all: Member[] = []
  readonly #path: string
  readonly #task: Omit<Task, 'diary'>

  constructor(folder: string, task: Omit<Task, 'diary'>) {
    this.#path = join(folder, randomUUID())
    this.#task = task
  }

  start(more: Partial<Task> = {}): Member {
    const diary = `${this.#path}-${this.all.length}`
    const member = new Member({ ...this.#task, diary, ...more })
    this.all.push(member)
    return member
  }

  /** Repeats are counted again. */
  get handled(): number {
    return this.all.reduce((sum, { handled }) => sum + handled, 0)
  }

  /** Waits until each number below `sent` was handled, however often. */
  async untilNoneLost(sent: number, ms = 60_000): Promise<void> {
    for (const deadline = clockMs() + ms; ; await sleep(50)) {
      const lost = this.history().lost(sent)
      if (lost.length === 0) return
      if (clockMs() > deadline) throw new Error(`lost: ${lost.join(' ')}\n${this.log()}`)
    }
  }

  history(): History {
    return new History(this.all.map(({ diary }) => diary))
  }

  log(): string {
    return this.all.map((member, at) => `member ${at}\n${member.log()}`).join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((member) => member.end()))
  }
}

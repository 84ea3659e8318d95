import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Life, Report } from './jobs.ts'

export type Role = 'producer' | 'relay' | 'consumer'

/** How long a client may take to begin, and to finish what is in hand. */
const PATIENCE_MS = 60_000

/** A client of the run in a process of its own. After its death it has a new life, with a new name. */
export class Client implements AsyncDisposable {
  readonly name: string
  readonly role: Role
  /** Of each life. */
  readonly notebooks: string[] = []
  readonly reports: Report[] = []
  /** How lives ended that nobody had meant to end. */
  readonly accidents: string[] = []
  /** Relays give themselves a new id when they find themselves taken over. */
  readonly relayIds: Set<string> = new Set()
  readonly #folder: string
  readonly #jobOf: (life: Life) => object
  #child: ChildProcess | undefined
  #isMeant = false

  constructor(options: {
    name: string
    role: Role
    folder: string
    seed: number
    jobOf: (life: Life) => object
  }) {
    const { name, role, folder, seed, jobOf } = options
    this.name = name
    this.role = role
    this.#folder = folder
    this.#jobOf = (life) => jobOf({ ...life, seed: seed + 1_000 * this.notebooks.length })
  }

  get isAlive(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Resolves when it has said how it is. */
  async start(): Promise<void> {
    const client = `${this.name}.${this.notebooks.length + 1}`
    const notebook = join(this.#folder, `${client}.jsonl`)
    const job = this.#jobOf({ client, notebook, seed: 0 })
    this.notebooks.push(notebook)
    const log = openSync(this.#logOf(client), 'a')
    const program = join(import.meta.dirname, `${this.role}-process.ts`)
    const child = fork(program, [JSON.stringify(job)], { stdio: ['ignore', log, log, 'ipc'] })
    closeSync(log)
    this.#child = child
    this.#isMeant = false
    const life = this.reports.push({}) - 1
    const begun = Promise.withResolvers<void>()
    const late = setTimeout(() => begun.reject(new Error(`${client} does not begin`)), PATIENCE_MS)
    child.on('message', (message) => {
      begun.resolve()
      const report = message as Report
      this.reports[life] = report
      if (typeof report.relayId === 'string') this.relayIds.add(report.relayId)
    })
    child.once('exit', (code, signal) => {
      if (!this.#isMeant) this.#noteAccident(client, `${code ?? signal}`)
      begun.resolve()
    })
    await begun.promise
    clearTimeout(late)
  }

  async kill(): Promise<void> {
    await this.#end(() => this.#child?.kill('SIGKILL'))
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Lets it finish what is in hand. */
  async stop(): Promise<void> {
    this.thaw()
    await this.#end(() => {
      if (this.#child?.connected === true) this.#child.disconnect()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #end(act: () => void): Promise<void> {
    const child = this.#child
    if (child === undefined || !this.isAlive) return
    this.#isMeant = true
    const exited = once(child, 'exit')
    const hung = setTimeout(() => {
      this.accidents.push(`${this.name} did not end within ${PATIENCE_MS} ms`)
      child.kill('SIGKILL')
    }, PATIENCE_MS)
    act()
    const [code] = (await exited) as [number | null]
    clearTimeout(hung)
    if (code !== null && code !== 0) this.#noteAccident(this.name, String(code))
  }

  #noteAccident(client: string, how: string): void {
    const name = `${this.name}.${this.notebooks.length}`
    const end = readFileSync(this.#logOf(name), 'utf8').split('\n').slice(-20).join('\n')
    this.accidents.push(`${client} ended by itself (${how})\n${end}`)
  }

  #logOf(client: string): string {
    return join(this.#folder, `${client}.log`)
  }
}

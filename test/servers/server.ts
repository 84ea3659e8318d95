import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

import { freePort } from './ports.ts'
import { isAlive, signalTree } from './processes.ts'
import { endStrays, makeServerFolder, noteServer, removeServerFolder } from './strays.ts'

/** Where a server is: one that was started here, or one whose address the environment gave. */
export interface Address {
  /** `host:port` */
  readonly address: string
  readonly host: string
  readonly port: number
}

/** A real server that was started here, and ends with this process at the latest. */
export interface Server extends Address, AsyncDisposable {
  readonly name: string
  /** Its data and its log; removed when the server is disposed of. */
  readonly folder: string
  /** Its process, where it runs: another one after each restart. */
  readonly pid: number | undefined
  /** The ports that its recipe asked for. */
  readonly ports: readonly number[]
  /** Ends it as a crash would (SIGKILL, with all of its children). The data stays. */
  kill(): Promise<void>
  /** Ends it as an operator would. The data stays. */
  stop(): Promise<void>
  /** Starts it again on the same port and data, after a `stop` if it still runs. */
  restart(): Promise<void>
  /** Stops its clock (SIGSTOP): connections stay open and nothing answers. */
  freeze(): Promise<void>
  /** Lets a frozen server go on (SIGCONT). */
  thaw(): Promise<void>
  /** The end of what it has printed. */
  log(): string
}

/** What a recipe works with. */
export interface Place {
  readonly folder: string
  readonly host: string
  readonly port: number
  readonly ports: readonly number[]
}

export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly uid?: number
  readonly gid?: number
  /** How it gets a signal, where it is not a child of this process. */
  signal?(signal: NodeJS.Signals): Promise<void>
}

/** How one kind of server is started and ended. */
export interface Recipe {
  /** Lower case letters. */
  readonly name: string
  /** How many ports it listens on; the first is its address. */
  readonly portCount: number
  /** Fills the new folder. */
  prepare(place: Place): Promise<void>
  launch(place: Place): Launch
  /** Says whether it does its work, not only whether its port is open. May throw while it does not. */
  ready(place: Place): Promise<boolean>
  readonly stopSignal: NodeJS.Signals
  /** Ends a server whose data nobody will want. */
  readonly discardSignal: NodeJS.Signals
  /** How long an end may take before it becomes a SIGKILL. A signal can be lost. @defaultValue 5000 */
  readonly graceMs?: number
  /** How long a start may take. @defaultValue 60000 */
  readonly startMs?: number
}

/** Starts a server and waits until it does its work. */
export async function startServer(recipe: Recipe): Promise<Server> {
  endStrays()
  for (let attempt = 1; ; attempt += 1) {
    const ports = await Promise.all(Array.from({ length: recipe.portCount }, freePort))
    const server = new LocalServer(recipe, ports)
    try {
      await recipe.prepare(server)
      await server.start()
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      const portWasTaken = /address (?:is )?already in use|BindException/i.test(String(error))
      if (!portWasTaken || attempt === 3) throw error
    }
  }
}

const living = new Set<LocalServer>()

function endAll(): void {
  for (const server of living) server.endNow()
}

class LocalServer implements Server, Place {
  readonly name: string
  readonly host = '127.0.0.1'
  readonly port: number
  readonly address: string
  readonly folder: string
  readonly ports: readonly number[]
  readonly #recipe: Recipe
  #launch: Launch | undefined
  #child: ChildProcess | undefined
  #isFrozen = false

  constructor(recipe: Recipe, ports: readonly number[]) {
    this.#recipe = recipe
    this.name = recipe.name
    this.ports = ports
    this.port = ports[0] ?? 0
    this.address = `${this.host}:${this.port}`
    this.folder = makeServerFolder(recipe.name)
    if (living.size === 0) process.on('exit', endAll)
    living.add(this)
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  async start(): Promise<void> {
    const launch = this.#recipe.launch(this)
    const output = openSync(join(this.folder, 'log'), 'a')
    const child = spawn(launch.command, launch.args, {
      stdio: ['ignore', output, output],
      ...(launch.env && { env: launch.env }),
      ...(launch.uid !== undefined && { uid: launch.uid, gid: launch.gid }),
    })
    closeSync(output)
    // Its end does not concern a process that has nothing else to do.
    child.unref()
    this.#launch = launch
    this.#child = child
    this.#isFrozen = false
    await once(child, 'spawn')
    noteServer(this.folder, child.pid ?? 0)
    await this.#untilReady(child)
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end(this.#recipe.stopSignal)
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  async freeze(): Promise<void> {
    await this.#signal('SIGSTOP')
    this.#isFrozen = true
  }

  async thaw(): Promise<void> {
    await this.#signal('SIGCONT')
    this.#isFrozen = false
  }

  log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8').split('\n').slice(-40).join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end(this.#recipe.discardSignal)
    this.#forget()
  }

  /** Ends it without waiting, from a process that is ending itself. */
  endNow(): void {
    if (this.#isRunning() && this.#child?.pid !== undefined) signalTree(this.#child.pid, 'SIGKILL')
    this.#forget()
  }

  #forget(): void {
    removeServerFolder(this.folder)
    living.delete(this)
    if (living.size === 0) process.off('exit', endAll)
  }

  #isRunning(): boolean {
    const child = this.#child
    return child !== undefined && child.exitCode === null && child.signalCode === null
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + (this.#recipe.startMs ?? 60_000)
    while (!(await this.#recipe.ready(this).catch(() => false))) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(
          `${this.name} ended with ${child.exitCode ?? child.signalCode}\n${this.log()}`,
        )
      }
      if (Date.now() > deadline) throw new Error(`${this.name} does not answer\n${this.log()}`)
      await setTimeout(10)
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (!child || !this.#isRunning()) return
    const gone = once(child, 'exit')
    child.ref()
    if (this.#isFrozen && signal !== 'SIGKILL') await this.thaw()
    const tree = await this.#signal(signal)
    const grace = new AbortController()
    const late = setTimeout(this.#recipe.graceMs ?? 5_000, true, { signal: grace.signal })
    const isLate = await Promise.race([gone.then(() => false), late.catch(() => false)])
    grace.abort()
    if (isLate) tree.push(...(await this.#signal('SIGKILL')))
    await gone
    while (tree.some(isAlive)) await setTimeout(5)
  }

  /** Sends a signal; a killed, stopped or continued server is so with all of its children. */
  async #signal(signal: NodeJS.Signals): Promise<number[]> {
    const pid = this.#child?.pid
    if (pid === undefined || !this.#isRunning()) throw new Error(`${this.name} does not run`)
    if (this.#launch?.signal) await this.#launch.signal(signal)
    else if (['SIGKILL', 'SIGSTOP', 'SIGCONT'].includes(signal)) return signalTree(pid, signal)
    else process.kill(pid, signal)
    return []
  }
}

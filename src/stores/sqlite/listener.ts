import type { Database } from './database.ts'

const POLL_MS = 20

/** Notices when another connection, of this process or another, has committed events. */
export class Listener implements AsyncDisposable {
  readonly #database: Database
  readonly #name: string
  readonly #onEvents: () => void
  #timer: NodeJS.Timeout | null = null
  #looking = false
  #version: unknown
  #assigned: unknown

  private constructor(database: Database, name: string, onEvents: () => void) {
    this.#database = database
    this.#name = name
    this.#onEvents = onEvents
  }

  /** `database` is closed with it. Throws a `StoreError`. */
  static async open(database: Database, name: string, onEvents: () => void): Promise<Listener> {
    const listener = new Listener(database, name, onEvents)
    await listener.#look()
    listener.#timer = setInterval(() => void listener.#poll(), POLL_MS).unref()
    return listener
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    this.#database.close()
  }

  async #poll(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const isNew = await this.#look()
      if (isNew && this.#timer !== null) this.#onEvents()
    } catch {
      // A hint may be lost. Relays look by themselves, and report what is wrong with the file.
    } finally {
      this.#looking = false
    }
  }

  /** Whether ids were given since the last look: heartbeats and settlements write, too. */
  #look(): Promise<boolean> {
    return this.#database.read('listening', (connection) => {
      const [version] = connection.first('pragma data_version') ?? []
      if (version === this.#version) return false
      const [assigned] =
        connection.first(
          'select seq from sqlite_sequence where name = ?',
          `${this.#name}_events`,
        ) ?? []
      const isNew = assigned !== this.#assigned
      this.#version = version
      this.#assigned = assigned
      return isNew
    })
  }
}

import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import { EventBus } from '../../src/index.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import type { Written } from './judge.ts'

const KEYS = 24
const PAUSE_MS = 8

/**
 * Services under load: a writer per key, each strictly one transaction after the other, so that the
 * real order of a key's events is known. Some transactions have two events, some roll back. While
 * the database is away a writer tries again, and does not count a transaction of unknown outcome
 * until it has looked.
 */
export class Writers implements AsyncDisposable {
  readonly committed: Written[] = []
  readonly #pool: Pool
  readonly #bus: EventBus<PoolClient>
  readonly #topic: string
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>[]

  constructor(databaseUrl: string, topic: string) {
    this.#topic = topic
    this.#pool = new Pool({ connectionString: databaseUrl, max: KEYS + 1 })
    this.#pool.on('error', () => {})
    // One may break in the moment between its opening and its first use.
    this.#pool.on('connect', (client) => client.on('error', ignore))
    this.#bus = new EventBus<PoolClient>({ store: postgres({ pool: this.#pool }) })
    this.#running = Array.from({ length: KEYS }, (_, index) => this.#write(`k${index}`))
  }

  /** Ends the load; every transaction under way is decided. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#running)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await this.#bus.close()
    await this.#pool.end()
  }

  async #write(key: string): Promise<void> {
    for (let number = 1, turn = 0; !this.#stopping.signal.aborted; turn++) {
      const count = turn % 5 === 0 ? 2 : 1
      const fails = turn % 7 === 3
      const done = await this.#transaction(key, number, { count, fails })
      if (done) {
        for (let n = 0; n < count; n++) this.committed.push({ key, number: number + n })
        number += count
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }

  /** `true` where it committed. */
  async #transaction(
    key: string,
    number: number,
    how: { count: number; fails: boolean },
  ): Promise<boolean> {
    let client: PoolClient | undefined
    try {
      client = await this.#pool.connect()
      client.on('error', ignore)
      await client.query('BEGIN')
      const events = Array.from({ length: how.count }, (_, n) => {
        return { topic: this.#topic, key, payload: String(number + n) }
      })
      await this.#bus.send(client, events)
      await client.query(how.fails ? 'ROLLBACK' : 'COMMIT')
      client.off('error', ignore)
      client.release()
      return !how.fails
    } catch {
      client?.release(true)
      return this.#exists(key, number)
    }
  }

  /** After a failure: whether the event is there all the same. Asked until the database answers. */
  async #exists(key: string, number: number): Promise<boolean> {
    for (;;) {
      try {
        const { rows } = await this.#pool.query(
          'SELECT 1 FROM oncommit.events WHERE key = $1 AND payload = $2',
          [key, Buffer.from(String(number))],
        )
        return rows.length > 0
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }
}

/** A connection that breaks says so at the next query, too. */
function ignore(): void {}

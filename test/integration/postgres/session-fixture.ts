import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'

import type { Pool } from 'pg'

import type {
  FetchedBatch,
  FetchRequest,
  OutboxStore,
  RelaySession,
} from '../../../src/core/outbox-store.ts'
import { postgres, type PostgresOptions } from '../../../src/stores/postgres/index.ts'

export const ALL_LANES: readonly number[] = Array.from({ length: 64 }, (_, lane) => lane)
export const TTL_MS = 30_000

let schemas = 0

/** A relay session on tables of its own. */
export class SessionFixture implements AsyncDisposable {
  readonly schema: string
  readonly store: OutboxStore
  readonly session: RelaySession
  readonly #pool: Pool

  private constructor(pool: Pool, schema: string, store: OutboxStore, session: RelaySession) {
    this.#pool = pool
    this.schema = schema
    this.store = store
    this.session = session
  }

  /** `pool` is for what the test does beside the session. */
  static async open(
    pool: Pool,
    given: NonNullable<PostgresOptions['pool']>,
  ): Promise<SessionFixture> {
    const schema = `session_${++schemas}`
    const store = postgres({ pool: given, schema, statementTimeoutMs: 2_000 })
    await store.migrate()
    return new SessionFixture(pool, schema, store, await store.openRelaySession())
  }

  /** Events of a key, with payloads of 10 bytes and sizes of 11. */
  async insert(count: number, key = 'k'): Promise<void> {
    await this.#pool.query(
      `INSERT INTO ${this.schema}.events (topic, key, payload) SELECT 't', $2, '0123456789' FROM generate_series(1, $1)`,
      [count, key],
    )
  }

  fetch(changes: Partial<FetchRequest> = {}): Promise<FetchedBatch> {
    const limits = { maxEvents: 1_000, maxBytes: 1_000_000 }
    const request = { lanes: ALL_LANES, inHand: [], fromStart: false, ...limits }
    return this.session.fetch({ ...request, ...changes })
  }

  async enroll(): Promise<string> {
    const id = randomUUID()
    await this.session.enroll({ id, fence: `fence-${id}`, protocol: 1, ttlMs: TTL_MS })
    return id
  }

  /** A relay with all lanes. */
  async takeAll(): Promise<string> {
    const id = await this.enroll()
    await this.session.tick(id, TTL_MS, ({ free }) => free)
    return id
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]()
    await this.store.close()
  }
}

export async function idsOf(batch: Promise<FetchedBatch>): Promise<number[]> {
  return (await batch).events.map(({ id }) => Number(id))
}

export async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await setTimeout(5)
}

/** A call that may fail a few times, since a pool doesn't know at once that a connection is gone. */
export async function recovers<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (attempt === 20) throw error
      await setTimeout(50)
    }
  }
}

import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { OutboxEvent } from '../../../src/core/event.ts'
import type {
  FetchedBatch,
  FetchRequest,
  OutboxStore,
  RelaySession,
} from '../../../src/core/outbox-store.ts'
import { uuidv7 } from '../../../src/core/uuid.ts'
import {
  sqlite,
  type SqliteOptions,
  type SqliteTransaction,
} from '../../../src/stores/sqlite/index.ts'

export const LANES: readonly number[] = [0]
export const TTL_MS = 30_000

/** A file of its own with the tables of an outbox, a relay session, and what an application has beside. */
export class SessionFixture implements AsyncDisposable {
  readonly folder: string
  readonly file: string
  readonly store: OutboxStore<SqliteTransaction>
  readonly session: RelaySession
  /** The application's connection. */
  readonly db: DatabaseSync

  private constructor(
    folder: string,
    store: OutboxStore<SqliteTransaction>,
    session: RelaySession,
  ) {
    this.folder = folder
    this.file = join(folder, 'app.db')
    this.store = store
    this.session = session
    this.db = this.connect()
  }

  static async open(options: Partial<SqliteOptions> = {}): Promise<SessionFixture> {
    const folder = await mkdtemp(join(tmpdir(), 'oncommit-sqlite-'))
    const store = sqlite({ file: join(folder, 'app.db'), synchronous: 'normal', ...options })
    await store.migrate()
    return new SessionFixture(folder, store, await store.openRelaySession())
  }

  /** Another connection of the application's, which never waits for a lock. */
  connect(): DatabaseSync {
    const db = new DatabaseSync(this.file, { timeout: 0 })
    db.exec('pragma synchronous = normal')
    return db
  }

  /** Runs `work` in a transaction of `db` and commits. */
  async inTransaction(work: (db: DatabaseSync) => Promise<unknown>): Promise<void> {
    this.db.exec('BEGIN IMMEDIATE')
    await work(this.db)
    this.db.exec('COMMIT')
  }

  async send(...events: OutboxEvent[]): Promise<void> {
    await this.inTransaction((db) => this.store.append(db, events))
  }

  /** Events of a key, with payloads of 10 bytes and sizes of 11. */
  insert(count: number, key = 'k'): void {
    const insert = this.db.prepare(
      `insert into oncommit_events (topic, key, payload) values ('t', ?, cast('0123456789' as blob))`,
    )
    this.db.exec('BEGIN IMMEDIATE')
    for (let n = 0; n < count; n++) insert.run(key)
    this.db.exec('COMMIT')
  }

  fetch(changes: Partial<FetchRequest> = {}): Promise<FetchedBatch> {
    const limits = { maxEvents: 100_000, maxBytes: 2 ** 30 }
    const request = { lanes: LANES, inHand: [], fromStart: false, ...limits }
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

  /** Rows of plain SQL, without the prototype that they lack. */
  rows(sql: string): Record<string, unknown>[] {
    return this.db
      .prepare(sql)
      .all()
      .map((row) => Object.fromEntries(Object.entries(row)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]()
    await this.store.close()
    if (this.db.isOpen) this.db.close()
    await rm(this.folder, { recursive: true })
  }
}

export function anEvent(changes: Partial<OutboxEvent> = {}): OutboxEvent {
  return {
    uuid: uuidv7(),
    timestamp: new Date(),
    topic: 'orders',
    key: null,
    msgType: 'OrderPlaced',
    mimeType: 'text/plain',
    headers: [],
    payload: Buffer.from('payload'),
    ...changes,
  }
}

export async function idsOf(batch: Promise<FetchedBatch>): Promise<number[]> {
  return (await batch).events.map(({ id }) => Number(id))
}

export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await nextTurn()
}

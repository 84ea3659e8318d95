import { realpathSync } from 'node:fs'

import { describe, StoreError, TransactionError } from '../../core/errors.ts'
import type { OutboxEvent } from '../../core/event.ts'
import { encodeHeaders } from '../../core/stored-headers.ts'
import type { SqliteStatement, SqliteTransaction, SqliteValue } from './sqlite-client.ts'
import { isBusy, isStale, storeFailure } from './store-failure.ts'

const RIGHT_CALL =
  "db.exec('BEGIN IMMEDIATE'); await bus.send(db, event); db.exec('COMMIT'), where db = new DatabaseSync(file, { timeout: 5000 })"

/** Adds events on the connections of senders. */
export class Appender {
  readonly #file: string
  readonly #name: string
  /** Connections to the right file: a connection doesn't change it. */
  readonly #known = new WeakSet<SqliteTransaction>()

  constructor({ file, name }: { file: string; name: string }) {
    this.#file = file
    this.#name = name
  }

  /** All of the events, or none. Synchronous: nothing of this process comes between. */
  append(tx: SqliteTransaction, events: readonly OutboxEvent[]): void {
    requireOpen(tx)
    if (!this.#known.has(tx)) {
      this.#requireFile(tx)
      this.#known.add(tx)
    }
    try {
      if (events.length === 1) this.#insertAll(tx, events)
      else inSavepoint(tx, () => this.#insertAll(tx, events))
    } catch (error) {
      throw storeFailure('storing events', error, hintFor(error, this.#file))
    }
  }

  #insertAll(tx: SqliteTransaction, events: readonly OutboxEvent[]): void {
    const insert = prepareInsert(tx, this.#name)
    for (const event of events) {
      if (Number(insert.run(...valuesOf(event)).changes) !== 1)
        throw new StoreError('an event was not stored: roll back')
    }
  }

  #requireFile(tx: SqliteTransaction): void {
    const main = mainFileOf(tx)
    if (main === '')
      throw wrong('a connection to a database in memory', `one to the store's file ${this.#file}`)
    if (!isSameFile(main, this.#file))
      throw wrong(`a connection to ${main}`, `one to the store's file ${this.#file}`)
  }
}

function prepareInsert(tx: SqliteTransaction, name: string): SqliteStatement {
  return tx.prepare(
    `insert into main.${name}_events (uuid, topic, key, msg_type, mime_type, headers, payload, occurred_at) values (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
}

function valuesOf(event: OutboxEvent): SqliteValue[] {
  return [
    event.uuid,
    event.topic,
    event.key,
    event.msgType,
    event.mimeType,
    encodeHeaders(event.headers),
    event.payload,
    BigInt(event.timestamp.getTime()),
  ]
}

/** A failed statement leaves SQLite's transaction open, with what was written before it. */
function inSavepoint(tx: SqliteTransaction, work: () => void): void {
  execute(tx, 'savepoint oncommit_append')
  try {
    work()
  } catch (error) {
    if (isOpen(tx)) {
      execute(tx, 'rollback to oncommit_append')
      execute(tx, 'release oncommit_append')
    }
    throw error
  }
  execute(tx, 'release oncommit_append')
}

function execute(tx: SqliteTransaction, sql: string): void {
  tx.prepare(sql).run()
}

/** Of the main database; empty where that is in memory. */
function mainFileOf(tx: SqliteTransaction): string {
  try {
    const [row] = tx.prepare(`select file from pragma_database_list where name = 'main'`).all()
    // A row is an array on connections that were opened so.
    return String(Object.values(row as object)[0] ?? '')
  } catch (error) {
    throw storeFailure('storing events', error)
  }
}

/** By path, since a file must not be written through two names: the write-ahead log is named after it. */
function isSameFile(one: string, other: string): boolean {
  const path = realPathOf(one)
  return path !== null && path === realPathOf(other)
}

/** `null` where there is no such file. */
function realPathOf(file: string): string | null {
  try {
    return realpathSync.native(file)
  } catch {
    return null
  }
}

/** Throws a `TransactionError` where `tx` is no connection with an open transaction. */
function requireOpen(tx: unknown): asserts tx is SqliteTransaction {
  if (typeof tx !== 'object' || tx === null) throw wrong(describe(tx))
  const { prepare, isOpen: isConnected } = tx as { prepare?: unknown; isOpen?: unknown }
  if (typeof prepare !== 'function' || !('isTransaction' in tx || 'inTransaction' in tx))
    throw wrong(describe(tx))
  // On a closed connection of node:sqlite the question itself throws.
  if (isConnected === false || (tx as { open?: unknown }).open === false)
    throw wrong('a connection that is closed')
  if (!isOpen(tx as SqliteTransaction))
    throw wrong('a connection without an open transaction, where each statement commits by itself')
}

function isOpen(tx: SqliteTransaction): boolean {
  return 'isTransaction' in tx ? tx.isTransaction : tx.inTransaction
}

function wrong(
  got: string,
  takes = 'a DatabaseSync of node:sqlite or a Database of better-sqlite3 with an open transaction',
): TransactionError {
  return new TransactionError(
    `events are sent inside of a transaction on the store's file: got ${got}, takes ${takes}: ${RIGHT_CALL}`,
  )
}

function hintFor(error: unknown, file: string): string {
  if (error instanceof Error && /no such table: main\.\w+_events$/.test(error.message))
    return ` (the tables are missing: npx oncommit migrate --url 'sqlite:${file}', or await bus.migrate())`
  if (isStale(error))
    return ' (the transaction has read before another one wrote, and can not write any more: begin it with BEGIN IMMEDIATE)'
  return isBusy(error)
    ? ' (another connection is writing: begin with BEGIN IMMEDIATE, on a connection that waits: new DatabaseSync(file, { timeout: 5000 }))'
    : ''
}

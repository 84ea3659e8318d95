import { DatabaseSync } from 'node:sqlite'
import { Pool, type PoolClient } from 'pg'
import type { OutboxStore } from '../../../src/core/outbox-store.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { sqlite } from '../../../src/stores/sqlite/index.ts'
import type { Rows } from './task.ts'

/** The rows of handlers, in the database of their inbox. */
export interface OpenRows {
  readonly store: OutboxStore
  /** Makes the tables. */
  prepare(): Promise<void>
  /** Writes one in a handler's transaction. */
  add(tx: unknown, amount: number): Promise<void>
  /** How many there are, and what they make together. */
  read(): Promise<{ readonly count: number; readonly sum: number }>
  /** What the store itself does not close. */
  close(): Promise<void>
}

const TABLE = 'create table business (amount integer not null)'
const READ = 'select count(*) as count, coalesce(sum(amount), 0) as sum from business'

export function openRows(rows: Rows): OpenRows {
  return 'file' in rows ? openSqlite(rows.file) : openPostgres(rows.connection)
}

function openSqlite(file: string): OpenRows {
  const store = sqlite({ file, synchronous: 'normal' })
  const own = async <T>(work: (database: DatabaseSync) => T): Promise<T> => {
    const database = new DatabaseSync(file)
    await Promise.resolve()
    try {
      return work(database)
    } finally {
      database.close()
    }
  }
  return {
    store,
    prepare: async () => {
      await store.migrate()
      await own((database) => database.exec(TABLE))
    },
    add: async (tx, amount) => {
      ;(tx as DatabaseSync).prepare('insert into business values (?)').run(amount)
      await Promise.resolve()
    },
    read: () => own((database) => numbersOf(database.prepare(READ).get())),
    close: async () => Promise.resolve(),
  }
}

function openPostgres(connection: Extract<Rows, { connection: unknown }>['connection']): OpenRows {
  const pool = new Pool(connection)
  // When the database is dropped, a connection may still be closing.
  pool.on('error', () => {})
  const store = postgres({ pool })
  return {
    store,
    prepare: async () => {
      await store.migrate()
      await pool.query(TABLE)
    },
    add: async (tx, amount) => {
      await (tx as PoolClient).query('insert into business values ($1)', [amount])
    },
    read: async () => numbersOf((await pool.query<Record<string, unknown>>(READ)).rows[0]),
    close: () => pool.end(),
  }
}

function numbersOf(row: Record<string, unknown> | undefined): { count: number; sum: number } {
  return { count: Number(row?.['count']), sum: Number(row?.['sum']) }
}

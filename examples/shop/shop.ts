import { DatabaseSync } from 'node:sqlite'
import { EventBus } from '../../src/index.ts'
import type { EventInput } from '../../src/index.ts'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { local } from '../../src/brokers/local/index.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'

/** Where this run of the shop keeps its orders and its events. */
export type Place =
  | { readonly kind: 'sqlite'; readonly shopFile: string; readonly logFile: string }
  | { readonly kind: 'kafka'; readonly databaseUrl: string; readonly broker: string }

export interface Order {
  readonly id: string
  readonly customer: string
  /** Counts the customer's committed orders, from 1. */
  readonly number: number
}

/** One process's door to the shop. */
export interface Shop extends AsyncDisposable {
  readonly bus: EventBus
  createTables(): Promise<void>
  /** Places an order and sends its event, in one transaction that commits, or rolls back if `fails`. */
  placeOrder(order: Order, fails: boolean): Promise<void>
  /** The ids of the orders that exist. */
  orders(): Promise<readonly string[]>
}

/** The place is handed to child processes in the environment. */
export function placeFromEnvironment(): Place {
  return JSON.parse(process.env['SHOP_PLACE'] ?? '{}') as Place
}

export function openShop(place: Place): Promise<Shop> {
  return place.kind === 'sqlite' ? openOnSqlite(place) : openOnPostgres(place)
}

const ORDERS = 'CREATE TABLE IF NOT EXISTS orders (id text PRIMARY KEY, customer text NOT NULL)'

function eventOf(order: Order): EventInput {
  return { topic: 'orders', key: order.customer, msgType: 'OrderPlaced', payload: order }
}

async function openOnSqlite(place: Place & { kind: 'sqlite' }): Promise<Shop> {
  const db = new DatabaseSync(place.shopFile, { timeout: 5000 })
  db.exec('PRAGMA journal_mode = WAL')
  const bus = new EventBus({
    store: sqlite({ file: place.shopFile }),
    broker: local({ file: place.logFile }),
  })
  return {
    bus: bus,
    createTables: async () => db.exec(ORDERS),
    placeOrder: async (order, fails) => {
      db.exec('BEGIN IMMEDIATE')
      db.prepare('INSERT INTO orders VALUES (?, ?)').run(order.id, order.customer)
      await bus.send(db, eventOf(order))
      db.exec(fails ? 'ROLLBACK' : 'COMMIT')
    },
    orders: async () =>
      db
        .prepare('SELECT id FROM orders')
        .all()
        .map((row) => String(row['id'])),
    [Symbol.asyncDispose]: async () => {
      await bus.close()
      db.close()
    },
  }
}

async function openOnPostgres(place: Place & { kind: 'kafka' }): Promise<Shop> {
  const { Pool } = await import('pg')
  const pool = new Pool({ connectionString: place.databaseUrl, max: 5 })
  const bus = new EventBus({
    store: postgres({ pool }),
    broker: kafka({ brokers: [place.broker] }),
  })
  return {
    bus: bus,
    createTables: async () => {
      await pool.query(ORDERS)
    },
    placeOrder: async (order, fails) => {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        await client.query('INSERT INTO orders VALUES ($1, $2)', [order.id, order.customer])
        await bus.send(client, eventOf(order))
        await client.query(fails ? 'ROLLBACK' : 'COMMIT')
      } finally {
        client.release()
      }
    },
    orders: async () => {
      const { rows } = await pool.query<{ id: string }>('SELECT id FROM orders')
      return rows.map((row) => row.id)
    },
    [Symbol.asyncDispose]: async () => {
      await bus.close()
      await pool.end()
    },
  }
}

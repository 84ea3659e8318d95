import { setTimeout } from 'node:timers/promises'

import type { Pool, PoolClient } from 'pg'

import type { OutboxEvent } from '../../src/core/event.ts'
import type { OutboxStore } from '../../src/core/outbox-store.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import type { PostgresTransaction } from '../../src/stores/postgres/index.ts'
import type { OrderLedger } from './order-ledger.ts'

export interface Load {
  /** Each works on keys of its own one transaction after the other, on whatever connection is free. */
  readonly writers: number
  /** Of `send`: how many events in one statement, at most. */
  readonly mostEvents: number
  /** Parts of all transactions; the rest is a plain one with one statement. */
  readonly twoStatements: number
  readonly heldOpen: number
  readonly rolledBack: number
  readonly savepoint: number
  readonly prepared: number
}

export interface WritersOptions {
  readonly pool: Pool
  readonly store: OutboxStore<PostgresTransaction>
  readonly ledger: OrderLedger
  readonly load: Load
  /** Asked before each transaction. */
  readonly goesOn: () => boolean
}

let transactions = 0

/** Writes until told to stop. Every transaction is ended when it resolves. */
export async function runWriters(options: WritersOptions): Promise<void> {
  const writers = Array.from({ length: options.load.writers }, (_, n) => new Writer(n, options))
  await Promise.all(writers.map((writer) => writer.run()))
}

class Writer {
  readonly #keys: readonly string[]
  readonly #options: WritersOptions

  constructor(number: number, options: WritersOptions) {
    // Two of its own, and one that it shares with others, whose transactions overlap with its own.
    this.#keys = [`w${number}-a`, `w${number}-b`, `shared-${number % 4}`]
    this.#options = options
  }

  async run(): Promise<void> {
    while (this.#options.goesOn()) {
      const client = await this.#options.pool.connect()
      try {
        await this.#transaction(client)
      } finally {
        client.release()
      }
    }
  }

  async #transaction(client: PoolClient): Promise<void> {
    const { load, ledger } = this.#options
    const kind = Math.random()
    const shares = [load.twoStatements, load.heldOpen, load.rolledBack, load.savepoint]
    const [two = 0, held = 0, back = 0, save = 0] = shares.map((_, n) =>
      shares.slice(0, n + 1).reduce((sum, share) => sum + share, 0),
    )
    const number = ++transactions
    await client.query('BEGIN')
    const uuids = await this.#send(client, number, 0)
    if (kind < two) uuids.push(...(await this.#send(client, number, 1_000)))
    else if (kind < held) {
      await setTimeout(400 + Math.random() * 200)
      uuids.push(...(await this.#send(client, number, 1_000)))
    } else if (kind < back) {
      await client.query('ROLLBACK')
      ledger.rolledBackAll(uuids)
      return
    } else if (kind < save) {
      await client.query('SAVEPOINT s')
      const gone = await this.#send(client, number, 1_000)
      await client.query('ROLLBACK TO SAVEPOINT s')
      ledger.rolledBackAll(gone)
      uuids.push(...(await this.#send(client, number, 2_000)))
    } else if (kind < save + load.prepared) {
      await this.#commitInTwoPhases(client, number)
      ledger.committedAll(uuids)
      return
    }
    await client.query('COMMIT')
    ledger.committedAll(uuids)
  }

  /** The transaction stays open, then prepared, for longer than relays need to look twice. */
  async #commitInTwoPhases(client: PoolClient, number: number): Promise<void> {
    await setTimeout(Math.random() * 60)
    await client.query(`PREPARE TRANSACTION 'order-${number}'`)
    await setTimeout(50 + Math.random() * 150)
    await client.query(`COMMIT PREPARED 'order-${number}'`)
  }

  async #send(client: PoolClient, transaction: number, firstPlace: number): Promise<string[]> {
    const { load, ledger, store } = this.#options
    const count = 1 + Math.floor(Math.random() * load.mostEvents)
    const events = Array.from({ length: count }, () => this.#event())
    for (const [n, { uuid, key }] of events.entries())
      ledger.began(uuid, key ?? '', transaction, firstPlace + n)
    await store.append(client, events)
    return events.map(({ uuid }) => uuid)
  }

  #event(): OutboxEvent {
    return {
      uuid: uuidv7(),
      timestamp: new Date(),
      topic: 'orders',
      key: this.#keys[Math.floor(Math.random() * this.#keys.length)] ?? null,
      msgType: 'Order',
      mimeType: 'text/plain',
      headers: [],
      payload: Buffer.from('order'),
    }
  }
}

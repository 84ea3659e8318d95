import { setTimeout } from 'node:timers/promises'

import { Client } from 'pg'

import type { Address } from '../server.ts'

/** What `pg`, Postgres.js and others connect with. */
export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
}

/** A database of one's own on a server that others use too. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string
  readonly url: string
  readonly connection: ConnectionOptions
  /** Removes it, and ends whoever is connected to it. */
  drop(): Promise<void>
}

export interface Connection extends AsyncDisposable {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>
}

// A server whose address the environment gave may have another user; `pg` reads PGPASSWORD itself.
const user = process.env['PGUSER'] ?? 'postgres'

/** The URL of a database on a server. */
export function postgresUrl(server: Address, database = 'postgres'): string {
  return `postgres://${encodeURIComponent(user)}@${server.address}/${encodeURIComponent(database)}`
}

/** Connects to a server that answers within a second. */
export async function connect(
  server: Pick<Address, 'host' | 'port'>,
  database = 'postgres',
): Promise<Connection> {
  const { host, port } = server
  const client = new Client({ host, port, user, database, connectionTimeoutMillis: 1_000 })
  // A connection that breaks while idle says so here, and would end the process unheard.
  client.on('error', () => {})
  await client.connect()
  return {
    query: (text, values) => client.query(text, values),
    async [Symbol.asyncDispose]() {
      await client.end()
    },
  }
}

/** Connects as soon as the server lets anybody in: while it is under attack it may not. */
export async function connectSoon(
  server: Pick<Address, 'host' | 'port'>,
  timeoutMs = 60_000,
): Promise<Connection> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    try {
      return await connect(server)
    } catch (error) {
      if (Date.now() > deadline) throw error
      await setTimeout(20)
    }
  }
}

/**
 * Makes an empty database, in place of one of that name: one for each test file.
 *
 * @example
 * await using database = await createDatabase(await sharedPostgres(), 'relay_takeover')
 * const pool = new Pool(database.connection)
 */
export async function createDatabase(server: Address, name: string): Promise<TestDatabase> {
  const quoted = `"${name.replaceAll('"', '""')}"`
  const drop = async (): Promise<void> => {
    await using connection = await connect(server)
    await connection.query(`drop database if exists ${quoted} with (force)`)
  }
  await drop()
  await using connection = await connect(server)
  await connection.query(`create database ${quoted}`)
  return {
    name,
    url: postgresUrl(server, name),
    connection: { host: server.host, port: server.port, user, database: name },
    drop,
    async [Symbol.asyncDispose]() {
      // A server that the test has ended for good took the database with it.
      await drop().catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ECONNREFUSED') throw error
      })
    },
  }
}

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'

import { Pool } from 'pg'
import connectPostgresJs from 'postgres'

import type { OutboxStore } from '../../src/core/outbox-store.ts'
import { postgres, type PostgresTransaction } from '../../src/stores/postgres/index.ts'
import { OrderLedger } from '../order/order-ledger.ts'
import { runRelay } from '../order/relays.ts'
import { runWriters } from '../order/writers.ts'
import { createDatabase, sharedPostgres } from '../servers/index.ts'
import { freePort } from '../servers/ports.ts'
import { asNobody, canInstall, findProgram, install } from '../servers/programs.ts'

const EVENTS = 3_000

describe('behind pgbouncer in transaction mode', () => {
  for (const driver of ['pg', 'Postgres.js'] as const) {
    it(`keeps all promises through ${driver}`, async () => {
      const server = await sharedPostgres()
      await using database = await createDatabase(server, 'postgres_pooler')
      await using pooler = await startPgbouncer(server)
      const connection = { ...database.connection, port: pooler.port }
      const pool = new Pool({ ...connection, max: 8 })
      const sql = connectPostgresJs({ ...connection, prepare: false })
      const store = postgres({ pool: driver === 'pg' ? pool : sql, pooler: true })
      await store.migrate()
      await store.check()
      await publishAll(store, pool)
      await store.close()
      await pool.end()
      await sql.end()
    })
  }
})

/** Writers and two relays, one of which vanishes. */
async function publishAll(store: OutboxStore<PostgresTransaction>, pool: Pool): Promise<void> {
  const ledger = new OrderLedger()
  const quick = { writers: 4, mostEvents: 20, twoStatements: 0.3, heldOpen: 0.01 }
  const load = { ...quick, rolledBack: 0.1, savepoint: 0.1, prepared: 0 }
  const deadline = performance.now() + 30_000
  const goesOn = (): boolean => ledger.committed < EVENTS && performance.now() < deadline
  const [first, second] = [new AbortController(), new AbortController()]
  const relaying = Promise.all([
    runRelay(store, ledger, first.signal, 'vanishes'),
    runRelay(store, ledger, second.signal, 'hands over'),
  ])
  await runWriters({ pool, store, ledger, load, goesOn })
  first.abort()
  while (ledger.published < ledger.committed && performance.now() < deadline) await setTimeout(20)
  second.abort()
  await relaying
  const { committed, example: _, ...report } = ledger.report()
  const none = { inversions: 0, lost: 0, duplicates: 0, ghosts: 0 }
  assert.deepEqual(report, { published: committed, ...none })
}

/** Few connections to the server, so that sessions do change hands. */
async function startPgbouncer(server: {
  host: string
  port: number
}): Promise<AsyncDisposable & { port: number }> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'oncommit-pgbouncer-'))
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, 'users.txt'), '"postgres" ""\n')
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]\n* = host=${server.host} port=${server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}
auth_type = trust\nauth_file = ${join(folder, 'users.txt')}\npool_mode = transaction\ndefault_pool_size = 5\nunix_socket_dir =
ignore_startup_parameters = extra_float_digits\n`,
  )
  const child = spawn(await pgbouncer(), [join(folder, 'pgbouncer.ini')], {
    ...asNobody,
    stdio: 'ignore',
  })
  const gone = once(child, 'exit')
  while (!(await accepts(port))) await setTimeout(20)
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** The program; installed where that can be done. */
async function pgbouncer(): Promise<string> {
  if (findProgram('pgbouncer') === undefined && canInstall()) await install(['pgbouncer'])
  const program = findProgram('pgbouncer')
  if (program === undefined) throw new Error('this test needs pgbouncer: apt-get install pgbouncer')
  return program
}

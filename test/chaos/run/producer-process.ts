// A service under load in a process of its own, to be killed and frozen.
import { setTimeout as wait } from 'node:timers/promises'
import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import { EventBus } from '../../../src/index.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { seeded } from '../random.ts'
import { live, logger } from './client-life.ts'
import type { Job } from './jobs.ts'
import { transact } from './transaction.ts'
import { Workload } from './workload.ts'

/** Requests that a service has in hand side by side. */
const WORKERS = 6
const PAUSE_MS = 120

await live<Job>(async ({ client, scene, seed }, notebook) => {
  const pool = new Pool({
    connectionString: scene.databaseUrl,
    max: WORKERS,
    connectionTimeoutMillis: 3_000,
    query_timeout: 10_000,
  })
  pool.on('error', () => {})
  const store = postgres({ pool, schema: scene.schema })
  const bus = new EventBus<PoolClient>({ store, logger: logger(client) })
  const leaving = new AbortController()
  let committed = 0
  const work = async (index: number): Promise<void> => {
    const random = seeded(seed + index)
    const workload = new Workload(scene.topics, random)
    while (!leaving.signal.aborted) {
      try {
        const { ended, uuids } = await transact({ pool, bus, notebook }, workload.next())
        if (ended === 'commit') committed += uuids.length
      } catch {
        // The database is away: a service tries again.
      }
      await wait(random() * PAUSE_MS)
    }
  }
  const working = Array.from({ length: WORKERS }, (_, index) => work(index))
  return {
    report: () => ({ committed }),
    async stop() {
      leaving.abort()
      await Promise.all(working)
      await bus.close()
      await pool.end()
    },
  }
})

import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import { EventBus } from '../../../src/index.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { eventually } from '../eventually.ts'
import type { Notebook } from '../proof/history.ts'
import { CLOSING, type Topics } from './jobs.ts'
import { transact } from './transaction.ts'
import { keysOf } from './workload.ts'

/** Sends the last event of each key of each topic, each in a transaction of its own; gives their uuids. */
export async function sendClosingEvents(
  where: { readonly databaseUrl: string; readonly schema: string; readonly topics: Topics },
  notebook: Notebook,
): Promise<readonly string[]> {
  const pool = new Pool({ connectionString: where.databaseUrl, max: 1 })
  pool.on('error', () => {})
  const store = postgres({ pool, schema: where.schema })
  const bus = new EventBus<PoolClient>({ store })
  const sender = { pool, bus, notebook, msgType: CLOSING }
  const closing: string[] = []
  for (const [topic, key] of keysOf(where.topics)) {
    const events = [{ topic, key, payload: Buffer.from('closing') }]
    const plan = { sends: [{ events, undone: false }], openMs: 0, ends: 'COMMIT' } as const
    const { uuids } = await eventually('a closing event commits', async () => {
      const outcome = await transact(sender, plan)
      return outcome.ended === 'commit' ? outcome : undefined
    })
    closing.push(...uuids)
  }
  await bus.close()
  await pool.end()
  return closing
}

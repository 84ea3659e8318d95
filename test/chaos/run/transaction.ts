import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Pool, PoolClient } from 'pg'
import type { EventBus } from '../../../src/index.ts'
import { type Notebook, hashOf } from '../proof/history.ts'
import type { Plan, PlannedSend } from './workload.ts'

export interface Sender {
  readonly pool: Pool
  readonly bus: EventBus<PoolClient>
  readonly notebook: Notebook
  /** Of the events. @defaultValue that of the bus */
  readonly msgType?: string
}

export interface Outcome {
  readonly ended: 'commit' | 'rollback' | 'unknown'
  /** What it has sent, apart from what it has undone. */
  readonly uuids: readonly string[]
}

/** Does one transaction, and notes what its client knows of it. Throws where it could not begin. */
export async function transact(sender: Sender, plan: Plan): Promise<Outcome> {
  const client = await sender.pool.connect()
  client.on('error', ignore)
  const transaction = randomUUID()
  const uuids: string[] = []
  const end = (ended: Outcome['ended'], broken: boolean): Outcome => {
    sender.notebook.note({ what: ended, transaction })
    client.off('error', ignore)
    client.release(broken)
    return { ended, uuids }
  }
  try {
    await client.query('BEGIN')
    for (const [at, planned] of plan.sends.entries()) {
      const sent = { client, planned, transaction, place: uuids.length }
      if (planned.undone)
        await sendAndUndo(sender, { ...sent, transaction: `${transaction}/${at}` })
      else uuids.push(...(await send(sender, sent)))
      if (plan.openMs > 0) await wait(plan.openMs)
    }
  } catch {
    // It was never told to commit, and can't be any more.
    return end('rollback', true)
  }
  try {
    // A transaction that has failed answers COMMIT with ROLLBACK.
    const { command } = await client.query(plan.ends)
    return end(command === 'COMMIT' ? 'commit' : 'rollback', false)
  } catch {
    return end(plan.ends === 'COMMIT' ? 'unknown' : 'rollback', true)
  }
}

interface Sending {
  readonly client: PoolClient
  readonly planned: PlannedSend
  readonly transaction: string
  readonly place: number
}

/** What is rolled back to a savepoint is a transaction of its own to the checker. */
async function sendAndUndo(sender: Sender, sending: Sending): Promise<void> {
  await sending.client.query('SAVEPOINT undone')
  await send(sender, sending)
  await sending.client.query('ROLLBACK TO SAVEPOINT undone')
  sender.notebook.note({ what: 'rollback', transaction: sending.transaction })
}

async function send(
  { bus, notebook, msgType }: Sender,
  { client, planned, transaction, place }: Sending,
): Promise<string[]> {
  const events = planned.events.map((event) => ({ ...event, uuid: randomUUID() }))
  notebook.note(
    ...events.map(({ topic, key, payload, uuid }, at) => {
      const record = { topic, key, uuid, hash: hashOf(payload) }
      return { what: 'send' as const, ...record, transaction, place: place + at }
    }),
  )
  await bus.send(
    client,
    events.map((event) => (msgType === undefined ? event : { ...event, msgType })),
  )
  return events.map(({ uuid }) => uuid)
}

/** A connection that breaks says so at the next query, too. */
function ignore(): void {}

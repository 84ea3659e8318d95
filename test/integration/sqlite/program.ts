import { randomInt, randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { reasonOf } from '../../../src/core/errors.ts'
import { toRanges } from '../../../src/core/id-ranges.ts'
import type { RelaySession, RelayState } from '../../../src/core/outbox-store.ts'
import { sqlite } from '../../../src/stores/sqlite/index.ts'
import type { Task, Told } from './programs.ts'
import { anEvent } from './session-fixture.ts'

const task = JSON.parse(process.argv[2] ?? '') as Task
const store = sqlite({ file: task.file, synchronous: 'normal' })
process.on('disconnect', () => process.exit())

let lastTold: Promise<unknown> = Promise.resolve()

function tell(told: Told): void {
  lastTold = new Promise((resolve) => process.send?.(told, resolve))
}

/** Places orders and sends an event or two for each, and gives some of them up. */
async function write(): Promise<void> {
  const db = new DatabaseSync(task.file, { timeout: 5_000 })
  db.exec('pragma synchronous = normal')
  const insert = db.prepare('insert into orders (id, events) values (?, ?)')
  for (;;) {
    const order = randomUUID()
    const count = randomInt(1, 3)
    const events = Array.from({ length: count }, () => anEvent({ key: order }))
    db.exec('BEGIN IMMEDIATE')
    insert.run(order, count)
    await store.append(db, events)
    if (randomInt(5) === 0) db.exec('ROLLBACK')
    else {
      db.exec('COMMIT')
      tell({ event: 'committed', order })
    }
    await nextTurn()
  }
}

/** Takes the lane over where its owner is dead, and publishes into a file. */
async function relay(): Promise<void> {
  const session = await store.openRelaySession()
  const id = randomUUID()
  const ttlMs = 150
  await session.enroll({ id, fence: id, protocol: 1, ttlMs })
  let owned = false
  for (let number = 1; ;) {
    const tick = await session.tick(id, ttlMs, ({ free }) => free)
    if (tick.state === 'fenced') throw new Error('fenced while alive')
    await buryTheDead(session, tick.relays)
    if (tick.owned.length === 0) {
      await nextTurn()
      continue
    }
    number += (await publish(session, id, number, !owned)) ? 1 : 0
    owned = true
  }
}

async function buryTheDead(session: RelaySession, relays: readonly RelayState[]): Promise<void> {
  for (const dead of relays.filter(({ state }) => state !== 'live'))
    if ((await session.markFenced(dead.id)) !== null) await session.bury(dead.id)
}

async function publish(
  session: RelaySession,
  relayId: string,
  number: number,
  fromStart: boolean,
): Promise<boolean> {
  const limits = { maxEvents: 20, maxBytes: 10_000, inHand: [] }
  const { events } = await session.fetch({ lanes: [0], fromStart, ...limits })
  await nextTurn()
  if (events.length === 0) return false
  appendFileSync(task.published, events.map(({ id, key }) => `${id} ${key}\n`).join(''))
  const ids = toRanges(events.map(({ id }) => id))
  if (!(await session.settle({ relayId, number, ids, acks: [] }))) throw new Error('not settled')
  tell({ event: 'settled' })
  return true
}

/** Adds 1 for each event that the inbox does not know, and holds the transaction open for a turn. */
async function handle(): Promise<void> {
  for (const uuid of task.uuids ?? []) {
    const fresh = await store.inbox?.once('g', [uuid], async (tx) => {
      tx.prepare('insert into business values (1)').run()
      await nextTurn()
    })
    tell({ event: 'handled', fresh: fresh?.size ?? 0 })
  }
}

try {
  if (task.do === 'handle') await handle()
  else if (task.do === 'write') await write()
  else if (task.do === 'relay') await relay()
  else tell({ event: 'migrated', applied: (await store.migrate()).length })
} catch (error) {
  tell({ event: 'failed', reason: reasonOf(error) })
}
await lastTold
process.disconnect?.()

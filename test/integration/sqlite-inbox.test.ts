import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { describe, it } from 'node:test'

import { uuidv7 } from '../../src/core/uuid.ts'
import { registerInboxContract } from '../../src/testing/index.ts'
import { SqliteInboxHarness } from './sqlite/inbox-harness.ts'
import { Program } from './sqlite/programs.ts'

registerInboxContract('SQLite through node:sqlite', () => SqliteInboxHarness.open())

describe('an inbox in a SQLite file', () => {
  it('has the effects of each event once in two processes at once', async () => {
    await using harness = await SqliteInboxHarness.open()
    const uuids = Array.from({ length: 300 }, () => uuidv7())
    const programs = [uuids, uuids.toReversed()].map((own) => start(harness, own))
    await Promise.all(programs.map(async (program) => program.until('handled', uuids.length)))
    await Promise.all(programs.map(async (program) => program.exit()))
    const fresh = programs.flatMap((program) => program.all('handled').map((told) => told.fresh))
    assert.equal(
      fresh.reduce((sum, count) => sum + count, 0),
      uuids.length,
    )
    assert.deepEqual([await harness.sum(), await harness.countNoted()], [300, 300])
  })

  it('has them once although its process is killed at any time', async () => {
    await using harness = await SqliteInboxHarness.open()
    const uuids = Array.from({ length: 300 }, () => uuidv7())
    for (let round = 0; round < 5; round++) {
      const program = start(harness, uuids)
      await program.until('handled', randomInt(1, 250))
      await program.kill()
      assert.equal(await harness.sum(), await harness.countNoted())
    }
    const last = start(harness, uuids)
    await last.until('handled', uuids.length)
    await last.exit()
    assert.deepEqual([await harness.sum(), await harness.countNoted()], [300, 300])
  })

  it('waits for a writer of another process, and gives a StoreError after busyTimeoutMs', async () => {
    await using harness = await SqliteInboxHarness.open()
    const { inbox } = harness.storeOf({ busyTimeoutMs: 50 })
    const event = uuidv7()
    const handle = async (): Promise<number | undefined> =>
      (await inbox?.once('g', [event], async (tx) => harness.add(tx, 1)))?.size
    harness.db.exec('begin immediate')
    await assert.rejects(handle, {
      code: 'ONCOMMIT_STORE',
      message: /another connection has kept its write transaction open for 50 ms/,
    })
    const waiting = harness.store.inbox?.once('g', [event], async (tx) => harness.add(tx, 1))
    harness.db.exec('rollback')
    assert.equal((await waiting)?.size, 1)
    assert.equal(await handle(), 0)
    assert.equal(await harness.sum(), 1)
  })

  it('refuses to go on where a failed statement has rolled all back', async () => {
    await using harness = await SqliteInboxHarness.open()
    harness.db.exec('create table once (id integer primary key on conflict rollback) strict')
    const failing = harness.store.inbox?.once('g', [uuidv7()], async (tx) => {
      await harness.add(tx, 1)
      await harness.execute(tx, 'insert into once values (1)')
      await harness.execute(tx, 'insert into once values (1)').catch(() => {})
      await harness.add(tx, 2)
    })
    await assert.rejects(failing ?? Promise.resolve(), {
      code: 'ONCOMMIT_TRANSACTION',
      message: /has ended before the handler/,
    })
    assert.deepEqual([await harness.sum(), await harness.countNoted()], [0, 0])
  })
})

function start({ file }: SqliteInboxHarness, uuids: readonly string[]): Program {
  return new Program({ do: 'handle', file, published: '', uuids })
}

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'

import { SCHEMA_VERSION } from '../../src/stores/sqlite/migrations/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { Program, type Task } from './sqlite/programs.ts'

describe('processes that share a SQLite file', () => {
  let folder: string
  let file: string
  let published: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oncommit-sqlite-'))
    file = join(folder, 'app.db')
    published = join(folder, 'published')
    writeFileSync(published, '')
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  function start(what: Task['do']): Program {
    return new Program({ do: what, file, published })
  }

  it('migrate it together, each step once', async () => {
    const programs = Array.from({ length: 20 }, () => start('migrate'))
    await Promise.all(programs.map(async (program) => program.until('migrated', 1)))
    const applied = programs.flatMap((program) =>
      program.all('migrated').map((told) => told.applied),
    )
    assert.equal(applied.length, 20)
    // Each by one process, not all by the same.
    assert.equal(
      applied.reduce((sum, steps) => sum + steps, 0),
      SCHEMA_VERSION,
    )
    await Promise.all(programs.map(async (program) => program.exit()))
    await sqlite({ file }).check()
  })

  it('lose nothing and publish in order, although they are killed at any time', async () => {
    await sqlite({ file }).migrate()
    execute('create table orders (id text primary key, events integer not null) strict')
    const programs = { write: start('write'), write2: start('write'), relay: start('relay') }
    const committed = new Set<string>()
    const note = (program: Program): void => {
      for (const { order } of program.all('committed')) committed.add(order)
    }
    let kills = 0
    for (let round = 0; round < 8; round++) {
      await Promise.all([
        programs.write.until('committed', randomInt(1, 60)),
        programs.write2.until('committed', randomInt(1, 60)),
        programs.relay.until('settled', randomInt(1, 6)),
      ])
      const victim = (['write', 'relay', 'write2'] as const)[round % 3] ?? 'write'
      await programs[victim].kill()
      note(programs[victim])
      kills++
      programs[victim] = start(victim === 'relay' ? 'relay' : 'write')
    }
    for (const writer of [programs.write, programs.write2]) {
      await writer.until('committed', 1)
      await writer.kill()
      note(writer)
    }
    await drained(programs.relay)
    await programs.relay.kill()
    assert.equal(kills, 8)
    assertNothingLost(committed)
    assertPublished()
  })

  async function drained(relay: Program): Promise<void> {
    const db = new DatabaseSync(file, { timeout: 5_000 })
    const pending = db.prepare('select 1 from oncommit_delivery limit 1')
    while (pending.get() !== undefined)
      await relay.until('settled', relay.all('settled').length + 1)
    db.close()
  }

  function execute(sql: string): Record<string, unknown>[] {
    const db = new DatabaseSync(file, { timeout: 5_000 })
    try {
      return db.prepare(sql).all()
    } finally {
      db.close()
    }
  }

  /** An order is there if, and only if, its events are; and it is where its COMMIT had returned. */
  function assertNothingLost(committed: ReadonlySet<string>): void {
    const orders = new Map(
      execute('select id, events from orders').map((o) => [o['id'], o['events']]),
    )
    const sent = new Map(
      execute('select key, count(*) as count from oncommit_events group by key').map((e) => [
        e['key'],
        e['count'],
      ]),
    )
    assert.ok(committed.size > 20)
    assert.deepEqual(sent, orders)
    assert.deepEqual(
      [...committed].filter((order) => !orders.has(order)),
      [],
    )
    assert.deepEqual(Object.values(execute('pragma integrity_check')[0] ?? {}), ['ok'])
  }

  /** Every event was published; and for the first time in the order of ids, which is that of commits. */
  function assertPublished(): void {
    const lines = readFileSync(published, 'utf8').trimEnd().split('\n')
    const first = [...new Set(lines)].map((line) => Number(line.split(' ')[0]))
    const ids = execute('select id from oncommit_events order by id').map(({ id }) => id)
    assert.deepEqual(first, ids)
    // A relay that was killed had a batch of 20 in hand.
    assert.ok(lines.length - first.length <= 3 * 20, `${lines.length} of ${first.length}`)
  }
})

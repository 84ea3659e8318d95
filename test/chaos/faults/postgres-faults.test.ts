import assert from 'node:assert/strict'
import { type TestContext, after, before, describe, it } from 'node:test'

import { type Connection, connect } from '../../servers/index.ts'
import type { Fault } from './fault.ts'
import { serverFaults } from './server-faults.ts'
import { type ChaosServers, type LeftOut, startChaosServers } from './servers.ts'
import { isOpenAfter, strike, timed } from './struck-by-name.ts'

describe('PostgreSQL under chaos', () => {
  let servers: ChaosServers
  let faults: Fault[]
  let number = 0

  before(async () => {
    servers = await startChaosServers()
    faults = serverFaults(servers)
    await using witness = await connect(servers.witness.postgres)
    await witness.query('create table numbers (n int primary key)')
  })

  after(async () => servers[Symbol.asyncDispose]())

  const client = (): Promise<Connection> => connect(servers.clients.postgres)

  async function insert(connection: Connection): Promise<number> {
    number += 1
    await connection.query('insert into numbers values ($1)', [number])
    return number
  }

  async function isThere(n: number): Promise<boolean> {
    await using witness = await connect(servers.witness.postgres)
    const { rows } = await witness.query('select 1 from numbers where n = $1', [n])
    return rows.length === 1
  }

  /** A client that comes after the fault writes, and everybody sees it. */
  async function works(): Promise<void> {
    await using connection = await client()
    assert.equal(await isThere(await insert(connection)), true)
  }

  it('is killed, and comes back with what it had', async () => {
    await using connection = await client()
    const kept = await insert(connection)
    await using fault = await strike(faults, 'postgres SIGKILL')
    await assert.rejects(insert(connection))
    await assert.rejects(client())
    await fault.heal()
    assert.equal(await isThere(kept), true)
    await works()
  })

  it('is frozen, and goes on with what it was asked', async () => {
    await using connection = await client()
    await using fault = await strike(faults, 'postgres SIGSTOP')
    const late = insert(connection)
    assert.equal(await isOpenAfter(late, 200), true)
    await fault.heal()
    assert.equal(await isThere(await late), true)
  })

  it('does what it is asked while its answer is swallowed', async () => {
    await using connection = await client()
    await using fault = await strike(faults, 'postgres: only the response swallowed')
    await assert.rejects(insert(connection), /terminated/)
    assert.equal(await isThere(number), true)
    await assert.rejects(client())
    await fault.heal()
    await works()
  })

  it('is reset by the way to it', async () => {
    await using connection = await client()
    await using fault = await strike(faults, 'postgres: reset')
    await assert.rejects(insert(connection))
    await assert.rejects(client(), { code: 'ECONNRESET' })
    await fault.heal()
    await works()
  })

  it('falls silent in a black hole, which is cut in the end', async () => {
    await using connection = await client()
    await using fault = await strike(faults, 'postgres: black hole')
    const lost = insert(connection)
    assert.equal(await isOpenAfter(lost, 200), true)
    await assert.rejects(client(), /timeout/)
    assert.equal(await isThere(number), false)
    await fault.heal()
    await assert.rejects(lost, /terminated/)
    await works()
  })

  it('answers late', async () => {
    await using connection = await client()
    const usual = await timed(() => insert(connection))
    await using fault = await strike(faults, 'postgres: latency')
    // 260 ms each way, give or take 130.
    const late = await timed(() => insert(connection))
    assert.ok(late >= 260 && usual < 260, `${late} ms, without it ${usual} ms`)
    await fault.heal()
    const again = await timed(() => insert(connection))
    assert.ok(again < 260, `${again} ms`)
  })

  it('answers through a thin pipe', async () => {
    await using connection = await client()
    const large = (): Promise<unknown> => connection.query(`select repeat('x', 50000)`)
    const usual = await timed(large)
    await using fault = await strike(faults, 'postgres: bandwidth')
    const slow = await timed(large)
    assert.ok(slow >= 1_000 && usual < 1_000, `${slow} ms, without it ${usual} ms`)
    await fault.heal()
    const again = await timed(large)
    assert.ok(again < 1_000, `${again} ms`)
  })

  it('loses nothing that it acknowledged when the standby takes over, time and again', async () => {
    const kept: number[] = []
    for (let times = 0; times < 2; times += 1) {
      await using connection = await client()
      kept.push(await insert(connection))
      const { pid } = servers.postgres.primary
      await using fault = await strike(faults, 'postgres: failover to the standby')
      await assert.rejects(insert(connection))
      assert.notEqual(servers.postgres.primary.pid, pid)
      // Nothing is acknowledged until there is a standby again.
      await using next = await client()
      const waits = insert(next)
      assert.equal(await isOpenAfter(waits, 200), true)
      await fault.heal()
      kept.push(await waits)
    }
    for (const n of kept) assert.equal(await isThere(n), true)
  })

  it('has no connection left for anybody, and those that are open go on', async () => {
    await using connection = await client()
    await using fault = await strike(faults, 'postgres: connections exhausted')
    await assert.rejects(client(), { code: '53300' })
    await insert(connection)
    await fault.heal()
    await works()
  })

  for (const [random, direction] of [
    [0.9, 1],
    [0.1, -1],
  ] as const) {
    it(`has a clock that is set ${direction > 0 ? 'forward' : 'back'} by an hour`, async (t) => {
      if (isLeftOut(t, 'clocks')) return
      await using connection = await client()
      const ahead = async (): Promise<number> => {
        const { rows } = await connection.query(
          'select extract(epoch from clock_timestamp()) as now',
        )
        return Math.round((Number(rows[0]?.['now']) - Date.now() / 1_000) / 60)
      }
      await using fault = await strike(faults, 'postgres: clock stepped', random)
      // Each of its processes hears of it within a second.
      while ((await ahead()) !== 60 * direction) continue
      await fault.heal()
      while ((await ahead()) !== 0) continue
    })
  }

  it('has a disk that is full, and keeps what it acknowledged', async (t) => {
    if (isLeftOut(t, 'disk')) return
    await using connection = await client()
    const kept = await insert(connection)
    await using fault = await strike(faults, 'postgres: disk full')
    const large = `create table large as select repeat('x', 500) from generate_series(1, 20000)`
    await assert.rejects(connection.query(large), /No space left|terminated/)
    await fault.heal()
    assert.equal(await isThere(kept), true)
    await using again = await client()
    await again.query(large)
  })

  /** Says, in the report, what this machine can't do. */
  function isLeftOut(t: TestContext, fault: LeftOut['what']): boolean {
    const reason = servers.leftOut.find(({ what }) => what === fault)?.why
    if (reason !== undefined) t.skip(reason)
    return reason !== undefined
  }
})

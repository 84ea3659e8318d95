import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { group, offsetsOf, open } from '../../../test/consumer/opened.ts'
import { ScriptedLog, topic } from '../../../test/consumer/scripted-log.ts'
import { eventually, Gate } from '../../../test/integration/stream/reading.ts'
import { BrokerError } from '../../core/errors.ts'

const at = (partition: number): { topic: string; partition: number } => ({ topic, partition })

describe('in a rebalance a stream', () => {
  it('waits for the event in hand, hands nothing out, and commits before it lets go', async () => {
    const log = new ScriptedLog([20, 20])
    const { stream } = open(log)
    await offsetsOf(stream, 5)
    let isRevoked = false
    const revoked = log.revoke().then(() => (isRevoked = true))
    await turn()
    assert.deepEqual([isRevoked, stream.health().state], [false, 'rebalancing'])
    const next = stream.next()
    await revoked
    assert.deepEqual(
      [...log.offsetsOf],
      [
        [0, 5n],
        [1, 0n],
      ],
    )
    await turn()
    log.assign([at(0)])
    assert.equal((await next).value?.offset, 5n)
    assert.deepEqual(
      await offsetsOf(stream, 14),
      Array.from({ length: 14 }, (_, n) => n + 6),
    )
    await stream.return()
  })

  it('gives up what is in hand for longer than the drain, and its completion marks nothing', async () => {
    const log = new ScriptedLog([5])
    const { stream, logger } = open(log, { group, ack: 'manual', drainTimeout: 20 })
    const first = (await stream.next()).value
    const second = (await stream.next()).value
    await log.revoke()
    assert.equal(logger.at('warn').length, 1)
    log.assign([at(0)])
    await first?.ack()
    await second?.ack()
    assert.deepEqual(await offsetsOf(stream, 2), [0, 1])
    await stream.return()
    assert.equal(log.offsetsOf.get(0), 0n)
  })

  it('waits for a commit in flight, and commits what was handled since behind it', async () => {
    const log = new ScriptedLog([20])
    const gate = new Gate()
    log.beforeCommit = async () => {
      await gate.pass()
      return true
    }
    const { stream } = open(log, { group, commitInterval: 0 })
    await offsetsOf(stream, 3)
    await gate.reached
    const revoked = log.revoke()
    const next = stream.next()
    await turn()
    gate.open()
    await revoked
    assert.equal(log.offsetsOf.get(0), 3n)
    log.assign([at(0)])
    assert.equal((await next).value?.offset, 3n)
    await stream.return()
  })

  it('stops waiting when the broker says that time is up', async () => {
    const log = new ScriptedLog([5])
    const { stream } = open(log)
    await stream.next()
    const time = new AbortController()
    const revoked = log.revoke(time.signal)
    time.abort()
    await revoked
    await stream.return()
  })

  it('that was expelled forgets its partitions: a late completion marks nothing', async () => {
    const log = new ScriptedLog([5])
    const { stream } = open(log, { group, commitInterval: 0 })
    await offsetsOf(stream, 2)
    log.lose()
    log.offsetsOf.set(0, 4n)
    log.assign([at(0)])
    assert.deepEqual(await offsetsOf(stream, 1), [4])
    await stream.return()
    assert.equal(log.offsetsOf.get(0), 4n)
  })

  it('goes on after another member that had a kept partition for a moment', async () => {
    const log = new ScriptedLog([10])
    const { stream } = open(log)
    await offsetsOf(stream, 2)
    const next = stream.next()
    await next
    const revoked = log.revoke()
    const later = stream.next()
    await revoked
    log.offsetsOf.set(0, 7n)
    log.assign([at(0)])
    assert.equal((await later).value?.offset, 7n)
    await stream.return()
  })

  it('seeks once: a partition that comes back goes on where it was', async () => {
    const log = new ScriptedLog([10])
    log.offsetsOf.set(0, 0n)
    const { stream } = open(log, { group, from: [{ topic, partition: 0, offset: 4n }], seek: true })
    assert.deepEqual(await offsetsOf(stream, 3), [4, 5, 6])
    const next = stream.next()
    await next
    const revoked = log.revoke()
    const later = stream.next()
    await revoked
    log.assign([])
    await turn()
    log.assign([at(0)])
    assert.equal((await later).value?.offset, 8n)
    await stream.return()
  })

  it('ends well in the middle of it', async () => {
    const log = new ScriptedLog([10])
    const { stream, logger } = open(log)
    await offsetsOf(stream, 3)
    const revoked = log.revoke()
    await stream.return()
    await revoked
    assert.equal(log.offsetsOf.get(0), 2n)
    assert.deepEqual(logger.lines, [])
  })

  it('is running again though a commit was given up for it and nothing is left to commit', async () => {
    const log = new ScriptedLog([3])
    log.beforeCommit = () => {
      throw new BrokerError('away', 'nobody answers')
    }
    const { stream, logger } = open(log, { group, commitInterval: 60_000, ack: 'manual' })
    const { value } = await stream.next()
    await value?.ack()
    const time = new AbortController()
    const revoked = log.revoke(time.signal)
    await eventually('it is not committed', () => stream.health().state === 'reconnecting')
    time.abort()
    await revoked
    // Whoever has the rest now went on behind it: nothing is left to do here.
    log.lose()
    log.assign([])
    await eventually('it runs', () => stream.health().state === 'running', 2_000)
    assert.deepEqual([logger.at('error').length, logger.at('info').length], [1, 1])
    await stream.return()
  })

  it('leaves nothing under way where it is closed before the group was joined', async () => {
    const log = new ScriptedLog([3])
    const joining = new Gate()
    log.join = async (joined) => {
      joined.onAssigned([at(0)], 1)
      await joining.pass()
      throw new Error('it was closed meanwhile')
    }
    const { stream } = open(log)
    const pending = stream.next()
    await joining.reached
    await stream.close()
    assert.deepEqual([(await pending).done, log.isClosed], [true, true])
    joining.open()
  })
})

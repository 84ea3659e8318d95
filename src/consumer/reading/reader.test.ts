import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { group, offsetsOf, open } from '../../../test/consumer/opened.ts'
import { ScriptedLog, topic } from '../../../test/consumer/scripted-log.ts'
import { eventually, Gate, Loop } from '../../../test/integration/stream/reading.ts'
import { BrokerError, OffsetLostError, PeerMissingError } from '../../core/errors.ts'
import type { ReceivedEvent } from '../received-event.ts'

const away = (): BrokerError => new BrokerError('away', 'nobody answers')

describe('a failure of the broker', () => {
  for (const kind of ['away', 'unknown'] as const) {
    it(`of kind ${kind} never ends the loop: one error, and it goes on`, async () => {
      const log = new ScriptedLog([0])
      const { stream, logger } = open(log)
      let failures = 3
      log.beforeFetch = () => {
        if (failures-- > 0) throw new BrokerError(kind, 'nobody answers')
      }
      const loop = new Loop(stream)
      await eventually('it reconnects', () => stream.health().state === 'reconnecting')
      assert.ok(stream.health().since.getTime() <= Date.now())
      log.add(0, 3)
      await loop.handled(3)
      assert.equal(stream.health().state, 'running')
      assert.deepEqual([logger.at('error').length, logger.at('info').length], [1, 1])
      await loop.end()
    })
  }

  it('while the stream opens is waited for', async () => {
    const log = new ScriptedLog([1])
    let failures = 2
    const { stream } = open(log, { group }, async () => {
      if (failures-- > 0) throw away()
      return Promise.resolve(log)
    })
    assert.deepEqual(await offsetsOf(stream, 1), [0])
    await stream.return()
  })

  it('while the stream opens does not keep it from closing', async () => {
    const { stream } = open(new ScriptedLog([1]), { group }, async () => Promise.reject(away()))
    const pending = stream.next()
    await eventually('it reconnects', () => stream.health().state === 'reconnecting')
    await stream.close()
    assert.equal((await pending).done, true)
  })

  it('to answer while the stream opens leaves no client behind: one that comes late is closed', async () => {
    const log = new ScriptedLog([1])
    const gate = new Gate()
    const { stream } = open(log, { group }, async () => {
      await gate.pass()
      return log
    })
    const pending = stream.next()
    await gate.reached
    await stream.close()
    assert.deepEqual([(await pending).done, log.isClosed], [true, false])
    gate.open()
    await eventually('the late client is closed', () => log.isClosed)
    assert.equal(log.fetches, 0)
  })

  it('that no waiting cures ends the loop', async () => {
    const missing = new PeerMissingError('oncommit/kafka', '@platformatic/kafka')
    const { stream } = open(new ScriptedLog([1]), { group }, async () => Promise.reject(missing))
    await assert.rejects(stream.next(), missing)
    const log = new ScriptedLog([1])
    log.beforePage = () => new BrokerError('topic-unavailable', 'no', { topic, forbidden: true })
    await assert.rejects(open(log).stream.next(), { forbidden: true })
    assert.equal(log.isClosed, true)
  })

  it('a position that is gone ends the loop, after what was fetched, and with busy partitions too', async () => {
    const log = new ScriptedLog([10_000, 20])
    const lost = new OffsetLostError('it is gone', { topic, partition: 1, offset: 10n })
    const { stream } = open(log)
    await offsetsOf(stream, 5)
    log.beforePage = (partition) => (partition === 1 ? lost : null)
    await assert.rejects(offsetsOf(stream, 10_000), lost)
    assert.ok((log.offsetsOf.get(0) ?? 0n) < 100n)
  })

  it('of one topic lets it rest, with one warning, and the others go on', async () => {
    const log = new ScriptedLog([200, 10])
    let isGone = true
    log.beforePage = (partition) =>
      partition === 1 && isGone ? new BrokerError('topic-unavailable', 'gone', { topic }) : null
    const { stream, logger } = open(log)
    const loop = new Loop(stream)
    await loop.handled(200)
    assert.deepEqual([logger.at('warn').length, stream.health().state], [1, 'running'])
    isGone = false
    await loop.handled(210)
    await loop.end()
    assert.equal(logger.at('warn').length, 1)
  })

  it('of one topic leaves no timers behind, however many events the others bring meanwhile', async () => {
    const log = new ScriptedLog([2_000, 1])
    const illOnes = new Set([1])
    log.beforePage = (partition) =>
      illOnes.has(partition) ? new BrokerError('topic-unavailable', 'gone', { topic }) : null
    const { stream } = open(log, { group, ack: 'manual' })
    const events: ReceivedEvent[] = []
    let mostTimers = 0
    const count = (): void => {
      const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout')
      mostTimers = Math.max(mostTimers, timers.length)
    }
    while (events.length < 1_990) {
      const { value } = await stream.next()
      if (value === undefined) break
      events.push(value)
      await value.ack()
      count()
    }
    illOnes.add(0)
    for (let n = 0; n < 10; n++) await stream.next()
    const pending = stream.next()
    const fetches = log.fetches
    await eventually('both are ill', () => log.fetches > fetches)
    // What is acknowledged wakes the reader, while it waits for nothing but the rest to be over.
    for (const event of events) {
      await event.ack()
      await turn()
      count()
    }
    await stream.return()
    await pending
    assert.ok(mostTimers < 20, `${mostTimers} timers`)
  })
})

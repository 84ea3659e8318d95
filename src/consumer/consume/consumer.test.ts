import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { consume, consumeBatches } from '../../../test/consumer/consumer-opened.ts'
import { ScriptedLog, topic } from '../../../test/consumer/scripted-log.ts'
import { eventually, Gate } from '../../../test/integration/stream/reading.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { Reject, RetryAfter, StoreError } from '../../core/errors.ts'

const quick = { backoff: { first: 1, max: 2 } }
const at = (partition: number): { topic: string; partition: number } => ({ topic, partition })

/** A log whose records have these keys. */
function keyed(...partitions: readonly (readonly string[])[]): ScriptedLog {
  const log = new ScriptedLog(partitions.map((keys) => keys.length))
  for (const [partition, keys] of partitions.entries())
    for (const [n, record] of (log.records[partition] ?? []).entries())
      Object.assign(record, { key: Buffer.from(keys[n] ?? '') })
  return log
}

describe('a consumer whose partitions go', () => {
  it('gives nothing to the handler that waited for a batch to fill when it was expelled', async () => {
    const log = new ScriptedLog([3])
    const got: string[][] = []
    const { consumer } = consumeBatches(log, { maxEvents: 10, maxWait: 50 }, (events) => {
      got.push(events.map((event) => event.text()))
    })
    await eventually('they wait', () => (consumer.lag()[0]?.oldest ?? null) !== null)
    log.lose()
    log.assign([at(0)])
    await eventually('all are handled', () => consumer.lag()[0]?.mark === 3n)
    assert.deepEqual(got, [['0', '1', '2']])
    await consumer.stop()
  })

  it('does not try an event again that it has let go', async () => {
    const log = keyed(['poison', 'b', 'poison', 'c'], ['slow'])
    const gate = new Gate()
    const got: string[] = []
    let isCured = false
    const waits = new Set<Promise<void>>()
    const clock: Clock = {
      ...systemClock,
      sleep: async (ms, signal) => {
        const waited = systemClock.sleep(ms, signal)
        if (ms <= quick.backoff.max) waits.add(waited)
        return waited
      },
    }
    const { consumer } = consume(
      log,
      { retry: { attempts: 1, ...quick } },
      async (event) => {
        if (event.partition === 1) return gate.pass()
        if (event.offset === 0n && !isCured) throw new Error('no')
        got.push(event.text())
      },
      { clock },
    )
    await gate.reached
    await eventually(
      'it is blocked',
      () => consumer.health().state === 'blocked' && got.length === 2,
    )
    const revoked = log.revoke()
    isCured = true
    // Its next attempt would come now.
    await Promise.all(waits)
    await turn()
    gate.open()
    await revoked
    log.assign([at(0), at(1)])
    await eventually(
      'all are handled',
      () => consumer.lag().every(({ mark }) => mark >= 1n) && got.includes('2'),
    )
    await consumer.stop()
    assert.equal(got.filter((text) => text === '0').length, 1)
    assert.equal(got.filter((text) => text === '2').length, 1)
  })

  it('goes on to let events follow a dead one, where it keeps the partition', async () => {
    const log = keyed(['k', 'other'])
    const got: string[] = []
    const { consumer, dead } = consume(log, { deadLetter: {}, afterDead: 'follow' }, (event) => {
      if (event.offset === 0n) throw new Reject('no')
      got.push(event.text())
    })
    await eventually('it is dead', () => dead.length === 1 && got.length === 1)
    await log.revoke()
    log.assign([at(0)])
    log.records[0]?.push({ ...log.records[0][0]!, offset: 2n })
    log.add(0)
    await eventually('all are done', () => consumer.lag()[0]?.mark === 4n)
    await consumer.stop()
    assert.equal(dead.length, 2)
  })

  it('does not wait for an attempt that comes after the drain', async () => {
    const log = keyed(['k'])
    let calls = 0
    const { consumer } = consume(log, { drainTimeout: 5_000 }, () => {
      calls += 1
      throw new RetryAfter(60_000)
    })
    await eventually('it failed', () => calls === 1)
    const began = performance.now()
    await log.revoke()
    assert.ok(performance.now() - began < 1_000)
    await consumer.stop()
  })

  it('seeks also where a rebalance came before it knew where', async () => {
    const log = new ScriptedLog([5])
    log.offsetsOf.set(0, 5n)
    const gate = new Gate()
    const offsets = log.offsets.bind(log)
    let asked = 0
    log.offsets = async (...of) => {
      if (++asked === 1) await gate.pass()
      return offsets(...of)
    }
    const got: string[] = []
    const { consumer } = consume(log, { from: 'earliest', seek: true }, (event) => {
      got.push(event.text())
    })
    await gate.reached
    await log.revoke()
    gate.open()
    await turn()
    log.assign([at(0)])
    await eventually('all come again', () => got.length === 5)
    await consumer.stop()
  })
})

describe('a consumer whose inbox is away', () => {
  it("does not say that it waits for it when its events are another's", async () => {
    const log = new ScriptedLog([1])
    const inbox = {
      once: () => Promise.reject(new StoreError('away')),
      clean: () => Promise.resolve(0),
    }
    const { consumer } = consume(log, {}, () => {}, { inbox })
    await eventually('it waits', () => consumer.health().state === 'reconnecting')
    log.lose()
    log.assign([])
    await eventually('it has nothing to wait for', () => consumer.health().state === 'running')
    await consumer.stop()
  })
})

describe('a consumer', () => {
  it('fetches a partition that was full as soon as it is not, though the others are empty', async () => {
    const log = new ScriptedLog([200, 0])
    const got: string[] = []
    const { consumer } = consume(log, { window: 10 }, async (event) => {
      await turn()
      got.push(event.text())
    })
    await eventually('all', () => got.length === 200, 60_000)
    await consumer.stop()
    const others = log.asked.filter(({ partitions }) => !partitions.includes(0))
    assert.ok(others.length > 0, 'it was full at times')
    // A fetch of the others that waits holds it up for as long.
    for (const { maxWaitMs } of others) assert.ok(maxWaitMs <= 50, `${maxWaitMs} ms`)
  })

  it('lets only events of its key follow a dead one, also where all of the partition are in order', async () => {
    const log = keyed(['k', 'other', 'k', 'other'])
    const got: string[] = []
    const { consumer, dead } = consume(
      log,
      { order: 'partition', deadLetter: {}, afterDead: 'follow' },
      (event) => {
        if (event.offset === 0n) throw new Reject('no')
        got.push(event.text())
      },
    )
    await eventually('all are done', () => consumer.lag()[0]?.mark === 4n)
    await consumer.stop()
    assert.deepEqual([got, dead.length], [['1', '3'], 2])
  })

  it('gives what it has of a batch to the handler where no more of it is fetched', async () => {
    const log = new ScriptedLog([5])
    log.pageSize = 1
    for (const record of log.records[0] ?? [])
      Object.assign(record, { value: Buffer.alloc(30 * 1024 * 1024) })
    const sizes: number[] = []
    const { consumer } = consumeBatches(log, { maxEvents: 5, maxWait: 600_000 }, (events) => {
      sizes.push(events.length)
    })
    await eventually('some are handled', () => sizes.length > 0, 3_000)
    assert.deepEqual(sizes, [3])
    await consumer.stop()
  })

  it('gives each event of a batch that failed one by one, however often one of them fails', async () => {
    const log = new ScriptedLog([2])
    const sizes: number[] = []
    let failures = 0
    const { consumer } = consumeBatches(
      log,
      { maxEvents: 2, retry: { attempts: 10, ...quick } },
      (events) => {
        sizes.push(events.length)
        if (events[0]?.offset === 0n && failures++ < 4) throw new Error('no')
      },
    )
    await eventually('all are handled', () => consumer.lag()[0]?.mark === 2n)
    assert.deepEqual(sizes, [2, 1, 1, 1, 1, 1])
    await consumer.stop()
  })
})

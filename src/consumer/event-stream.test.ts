import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ReadableStream } from 'node:stream/web'
import { describe, it } from 'node:test'
import { plainCodec, ScriptedLog, topic } from '../../test/consumer/scripted-log.ts'
import { eventually, Gate, Loop, MemoryLogger } from '../../test/integration/stream/reading.ts'
import { BrokerError, OffsetLostError, PeerMissingError } from '../core/errors.ts'
import type { LogClient } from '../core/log.ts'
import { EventStream } from './event-stream.ts'
import type { StreamOptions } from './options.ts'
import type { ReceivedEvent } from './received-event.ts'

const group = 'g'
const away = (): BrokerError => new BrokerError('away', 'nobody answers')
const at = (partition: number): { topic: string; partition: number } => ({ topic, partition })

interface Opened {
  readonly stream: EventStream
  readonly logger: MemoryLogger
}

function open(
  log: ScriptedLog,
  options: StreamOptions = { group },
  openLog: () => Promise<LogClient> = async () => Promise.resolve(log),
): Opened {
  const logger = new MemoryLogger()
  const parts = { broker: { openLog }, codecFor: () => plainCodec, logger }
  return { stream: new EventStream(parts, topic, options), logger }
}

async function offsetsOf(stream: EventStream, count: number): Promise<number[]> {
  const got: number[] = []
  while (got.length < count) {
    const { value } = await stream.next()
    if (value === undefined) break
    got.push(Number(value.offset))
  }
  return got
}

describe('a stream', () => {
  it('asks the broker for nothing before the first event is asked for', async () => {
    let opened = 0
    const log = new ScriptedLog([1])
    const { stream } = open(log, { group }, async () => {
      opened += 1
      return Promise.resolve(log)
    })
    await turn()
    assert.deepEqual([opened, stream.health().state], [0, 'starting'])
    await stream.next()
    assert.deepEqual([opened, stream.health().state], [1, 'running'])
    await stream.return()
    assert.equal(log.isClosed, true)
  })

  it('reads one fetch ahead and no more', async () => {
    const log = new ScriptedLog([1_000])
    const { stream } = open(log)
    await offsetsOf(stream, 10)
    await turn()
    await turn()
    assert.equal(log.fetches, 2)
    await offsetsOf(stream, 1)
    await turn()
    assert.equal(log.fetches, 3)
    await stream.return()
  })

  it("commit 'message': hands nothing out before the event before it is committed", async () => {
    const log = new ScriptedLog([5])
    const { stream } = open(log, { group, commit: 'message' })
    for (let n = 0n; n < 5n; n++) {
      assert.equal((await stream.next()).value?.offset, n)
      assert.equal(log.offsetsOf.get(0), n)
    }
    const last = stream.next()
    await eventually('the last is committed', () => log.offsetsOf.get(0) === 5n)
    await stream.close()
    assert.equal((await last).done, true)
  })

  it("commit 'message': ack resolves when the event is committed", async () => {
    const log = new ScriptedLog([2])
    const { stream } = open(log, { group, commit: 'message' })
    const { value } = await stream.next()
    await value?.ack()
    assert.equal(log.offsetsOf.get(0), 1n)
    await stream.return()
  })

  it("commit 'batch': commits a page before it hands out the next one", async () => {
    const log = new ScriptedLog([25])
    const { stream } = open(log, { group, commit: 'batch' })
    await offsetsOf(stream, 10)
    assert.equal(log.offsetsOf.get(0), undefined)
    await offsetsOf(stream, 1)
    assert.equal(log.offsetsOf.get(0), 10n)
    await stream.return()
  })

  it("commit 'auto': commits one at a time, always the newest", async () => {
    const log = new ScriptedLog([5_000])
    const gate = new Gate()
    log.beforeCommit = async () => {
      await gate.pass()
      return true
    }
    const { stream } = open(log, { group, commitInterval: 0 })
    await offsetsOf(stream, 1)
    await gate.reached
    await offsetsOf(stream, 3_000)
    gate.open()
    await eventually('it is committed', () => log.offsetsOf.get(0) === 3_000n)
    assert.ok(log.commits.length < 5, `${log.commits.length} commits`)
    await stream.return()
  })

  it('rests where nothing moves: an idle stream commits nothing', async () => {
    const log = new ScriptedLog([3])
    const { stream } = open(log, { group, commitInterval: 0 })
    await offsetsOf(stream, 3)
    const pending = stream.next()
    await eventually('it is committed', () => log.offsetsOf.get(0) === 3n)
    const before = log.commits.length
    for (let n = 0; n < 50; n++) await turn()
    assert.equal(log.commits.length, before)
    await stream.close()
    await pending
  })

  it('sends a refused mark again, and never throws it into the loop', async () => {
    const log = new ScriptedLog([5])
    let refusals = 3
    log.beforeCommit = () => refusals-- <= 0
    const { stream } = open(log, { group, commitInterval: 0 })
    await offsetsOf(stream, 5)
    const pending = stream.next()
    await eventually('it is committed', () => log.offsetsOf.get(0) === 5n)
    await stream.close()
    await pending
  })

  it('goes on without the marks of a topic that is gone, with one warning', async () => {
    const log = new ScriptedLog([5])
    log.beforeCommit = () => {
      throw new BrokerError('topic-unavailable', 'the topic is gone', { topic })
    }
    const { stream, logger } = open(log, { group, commit: 'message' })
    assert.equal((await offsetsOf(stream, 5)).length, 5)
    assert.equal(logger.at('warn').length, 1)
    await stream.return()
  })

  it('ends with an error where it may not commit', async () => {
    const log = new ScriptedLog([5])
    log.beforeCommit = () => {
      throw new BrokerError('misconfigured', 'READ on the group is missing')
    }
    const { stream } = open(log, { group, commitInterval: 0 })
    await assert.rejects(offsetsOf(stream, 6), /READ on the group/)
    assert.equal(stream.health().state, 'stopped')
  })

  it('stops fetching a partition whose acks are far behind, and goes on with them', async () => {
    const log = new ScriptedLog([30_000])
    log.pageSize = 4_000
    const { stream } = open(log, { group, ack: 'manual' })
    const events: ReceivedEvent[] = []
    // The window, and the two pages that may lie in memory behind it.
    while (events.length < 16_000) events.push((await stream.next()).value!)
    const pending = stream.next()
    for (let n = 0; n < 20; n++) await turn()
    assert.equal(log.fetches, 4)
    for (const event of events) await event.ack()
    assert.equal((await pending).value?.offset, 16_000n)
    await stream.return()
  })

  it('leaves with its last commit though the broker does not answer', async () => {
    const log = new ScriptedLog([5])
    const { stream, logger } = open(log, { group, drainTimeout: 0 })
    await offsetsOf(stream, 3)
    log.beforeCommit = async () => new Promise<boolean>(() => {})
    await stream.return()
    assert.equal(log.isClosed, true)
    assert.match(logger.at('error').join(), /without its last commit/)
  })
})

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
})

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
})

describe('what else iterates a stream', () => {
  /** How far the mark was ahead of the event that is being handled, at most. */
  async function mostAhead(
    use: (stream: EventStream, handle: (event: ReceivedEvent) => Promise<void>) => Promise<void>,
  ): Promise<number> {
    const log = new ScriptedLog([100])
    const { stream } = open(log)
    let ahead = 0
    await use(stream, async (event) => {
      for (let n = 0; n < 5; n++) await turn()
      const mark = Number(stream.lag()[0]?.mark)
      ahead = Math.max(ahead, mark - Number(event.offset))
      if (event.offset === 49n) await stream.return()
    })
    assert.equal(log.isClosed, true)
    return ahead
  }

  it('pipeline with an async function: nothing counts as handled before it is', async () => {
    const ahead = await mostAhead(async (stream, handle) => {
      await pipeline(stream, async (events) => {
        for await (const event of events) await handle(event)
      })
    })
    assert.equal(ahead, 0)
  })

  it('ReadableStream.from: nothing counts as handled before it is', async () => {
    const ahead = await mostAhead(async (stream, handle) => {
      for await (const event of ReadableStream.from(stream)) await handle(event)
    })
    assert.equal(ahead, 0)
  })

  it('Readable.from asks for one event more than is handled, so that acks must be manual', async () => {
    const ahead = await mostAhead(async (stream, handle) => {
      for await (const event of Readable.from(stream, { highWaterMark: 1 })) await handle(event)
    })
    assert.equal(ahead, 1)
  })
})

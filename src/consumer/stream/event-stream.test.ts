import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ReadableStream } from 'node:stream/web'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { group, offsetsOf, open } from '../../../test/consumer/opened.ts'
import { ScriptedLog, topic } from '../../../test/consumer/scripted-log.ts'
import { eventually, Gate, Loop } from '../../../test/integration/stream/reading.ts'
import { BrokerError } from '../../core/errors.ts'
import type { EventStream } from './event-stream.ts'
import type { ReceivedEvent } from '../received-event.ts'

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

  it('hands out nothing that it had fetched while its session may be over, before the group is heard', async () => {
    for (const isExpelled of [false, true]) {
      const log = new ScriptedLog([5])
      const { stream } = open(log)
      assert.deepEqual(await offsetsOf(stream, 2), [0, 1])
      const heard = Promise.withResolvers<void>()
      log.heard = () => heard.promise
      const next = stream.next()
      await turn()
      if (isExpelled) log.lose()
      log.heard = () => null
      heard.resolve()
      if (isExpelled) {
        log.offsetsOf.set(0, 4n)
        log.assign(await log.partitions())
      }
      assert.equal((await next).value?.offset, isExpelled ? 4n : 2n)
      await stream.return()
    }
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

describe('a stream that its own loop closes', () => {
  for (const commit of ['auto', 'batch', 'message'] as const) {
    for (const last of [0, 3]) {
      for (const [title, ack, committed] of [
        ['does not wait for the event in hand, which comes again', false, last],
        ['commits the event in hand that was acknowledged', true, last + 1],
      ] as const) {
        it(`at offset ${last}, commit '${commit}': ${title}`, async () => {
          const log = new ScriptedLog([10])
          const { stream, logger } = open(log, { group, commit })
          const began = performance.now()
          const got: number[] = []
          for await (const event of stream) {
            got.push(Number(event.offset))
            await turn()
            if (got.length <= last) continue
            if (ack) await event.ack()
            await stream.close()
            assert.deepEqual([log.isClosed, stream.health().state], [true, 'stopped'])
          }
          assert.ok(performance.now() - began < 5_000, 'it waited in vain')
          assert.equal(got.length, last + 1)
          // Where nothing is handled there may be nothing to commit.
          assert.equal(log.offsetsOf.get(0) ?? 0n, BigInt(committed))
          assert.deepEqual(logger.lines, [])
        })
      }
    }
  }

  it('from within a function that the body calls does not wait either', async () => {
    const { stream } = open(new ScriptedLog([10]))
    const stop = async (): Promise<void> => {
      await turn()
      await stream.close()
    }
    for await (const event of stream) {
      assert.equal(event.offset, 0n)
      await stop()
    }
  })

  it('while somebody else waits for it to close ends that wait too', async () => {
    const { stream } = open(new ScriptedLog([10]))
    const gate = new Gate()
    const loop = new Loop(stream, async () => {
      await gate.pass()
      await stream.close()
    })
    await gate.reached
    const closed = stream.close()
    gate.open()
    await closed
    await loop.ended
  })

  for (const way of ['close', 'signal'] as const) {
    it(`waits for the first event where whoever started the loop asks, by ${way}`, async () => {
      const log = new ScriptedLog([10])
      const ending = new AbortController()
      const { stream } = open(log, { group, signal: ending.signal })
      const gate = new Gate()
      const loop = new Loop(stream, async () => gate.pass())
      await gate.reached
      if (way === 'close') void stream.close()
      else ending.abort()
      for (let n = 0; n < 20; n++) await turn()
      assert.equal(log.isClosed, false)
      gate.open()
      await loop.end()
      assert.deepEqual([loop.got, log.offsetsOf.get(0)], [['0'], 1n])
    })
  }

  it('by its signal handles the event in hand', async () => {
    const log = new ScriptedLog([10])
    const ending = new AbortController()
    const { stream } = open(log, { group, signal: ending.signal })
    for await (const event of stream) {
      if (event.offset === 2n) ending.abort()
      await turn()
    }
    await stream.close()
    assert.equal(log.offsetsOf.get(0), 3n)
  })
})

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

describe('what else iterates a stream', () => {
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

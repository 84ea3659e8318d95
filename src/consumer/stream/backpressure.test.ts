import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { group, offsetsOf, open } from '../../../test/consumer/opened.ts'
import { ScriptedLog } from '../../../test/consumer/scripted-log.ts'
import { eventually } from '../../../test/integration/stream/reading.ts'
import { OptionError } from '../../core/errors.ts'
import { type Backpressure, backpressureOf } from './backpressure.ts'

describe('the option backpressure', () => {
  it('takes the names of the original', () => {
    const names = ['MISSING', 'BUFFER', 'ERROR', 'DROP', 'LATEST']
    assert.deepEqual(
      names.map((name) => backpressureOf(name).strategy),
      ['pause', 'buffer', 'error', 'drop', 'latest'],
    )
  })

  it('has these defaults', () => {
    assert.deepEqual(backpressureOf('buffer'), { strategy: 'buffer', maxBytes: 67_108_864 })
    assert.deepEqual(backpressureOf('error'), { strategy: 'error', maxEvents: 128 })
    const { onDrop, ...drop } = backpressureOf('drop') as { onDrop: unknown }
    assert.deepEqual([drop, typeof onDrop], [{ strategy: 'drop', maxEvents: 128 }, 'function'])
    assert.equal((backpressureOf('latest') as { by: unknown }).by, null)
  })

  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ strategy: 'pause', maxBytes: 1 }, /maxBytes: got 1, takes nothing with strategy: 'pause'/],
    [{ strategy: 'drop', maxBytes: 1 }, /maxBytes: got 1, takes nothing with strategy: 'drop'/],
    [{ strategy: 'error', onDrop: () => {} }, /onDrop: .* nothing with strategy: 'error'/],
    [{ strategy: 'latest', maxEvents: 1 }, /maxEvents: .* nothing with strategy: 'latest'/],
    [{ strategy: 'drop', by: 'key' }, /by: .* nothing with strategy: 'drop'/],
    [{ strategy: 'latest', by: 'uuid' }, /by: got "uuid", takes 'key'/],
    [{ strategy: 'error', maxEvents: 0 }, /maxEvents: got 0/],
    [{ strategy: 'buffer', maxBytes: 0.5 }, /maxBytes: got 0.5/],
    [{ strategy: 'drop', onDrop: 5 }, /onDrop: got 5, takes a function/],
    [{ strategy: 'drop', size: 5 }, /backpressure\.size: .* no such option/],
    [{ maxEvents: 5 }, /stream\.backpressure: got undefined/],
    ['toString', /stream\.backpressure: got "toString"/],
    [5, /stream\.backpressure: got 5/],
  ]
  for (const [given, message] of wrong) {
    it(`is refused by name: ${String(message)}`, () => {
      assert.throws(
        () => backpressureOf(given),
        (error) => error instanceof OptionError && message.test(error.message),
      )
    })
  }
})

const standing = async (backpressure: Backpressure) => {
  const log = new ScriptedLog([1_000])
  const { stream } = open(log, { group, backpressure, from: 'earliest' })
  await offsetsOf(stream, 1)
  return { log, stream }
}

describe('a reader that stands still', () => {
  it("'buffer' reads ahead to maxBytes, then pauses, and goes on where there is room", async () => {
    // Pages of 10 records of two bytes, after the first one.
    const { log, stream } = await standing({ strategy: 'buffer', maxBytes: 60 })
    await eventually('it has read ahead', () => log.fetches === 5)
    for (let n = 0; n < 20; n++) await turn()
    // In hand, three that wait, and one that the reader holds.
    assert.equal(log.fetches, 5)
    await offsetsOf(stream, 10)
    await eventually('there is room', () => log.fetches === 6)
    assert.deepEqual(await offsetsOf(stream, 3), [11, 12, 13])
    await stream.return()
  })

  it("'buffer' of Infinity reads all that there is", async () => {
    const { log, stream } = await standing({ strategy: 'buffer', maxBytes: Infinity })
    await eventually('it has read all', () => log.fetches === 101)
    assert.equal((await offsetsOf(stream, 999)).at(-1), 999)
    await stream.return()
  })

  it("what 'buffer' had read is void when the group takes the partition, and comes again", async () => {
    const { log, stream } = await standing({ strategy: 'buffer', maxBytes: Infinity })
    await eventually('it has read all', () => log.fetches === 101)
    const revoked = log.revoke()
    const next = stream.next()
    await revoked
    assert.equal(log.offsetsOf.get(0), 1n)
    log.assign(await log.partitions())
    assert.equal((await next).value?.offset, 1n)
    assert.deepEqual(
      await offsetsOf(stream, 20),
      Array.from({ length: 20 }, (_, n) => n + 2),
    )
    await stream.return()
  })

  it('what onDrop throws ends the stream', async () => {
    const own = new Error('mine')
    const onDrop = (): void => {
      throw own
    }
    const { stream } = await standing({ strategy: 'drop', maxEvents: 15, onDrop })
    await assert.rejects(offsetsOf(stream, 100), own)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { PartitionMark } from '../reading/marks.ts'
import type { ReadPage } from '../reading/reader.ts'
import { Backlog } from './backlog.ts'

const at = { topic: 't', partition: 0 }

function pageOf(mark: PartitionMark, keys: readonly string[]): ReadPage {
  const records = keys.map((key, n) => ({
    key: Buffer.from(key),
    value: Buffer.alloc(100),
    headers: [],
    offset: BigInt(n),
    timestamp: 0,
  }))
  const end = BigInt(keys.length)
  return { mark, epoch: 1, page: { ...at, records, nextOffset: end, endOffset: end, error: null } }
}

function newBacklog(): Backlog {
  return new Backlog({
    order: 'key',
    window: 100,
    windowBytes: 1_000_000,
    batch: 1,
    onPartial: () => {},
  })
}

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc')
  await turn()
  ;(runInNewContext('gc') as () => void)()
}

describe('what was fetched of a partition', () => {
  it('holds nothing of an event that is handled, though one before it is not', async () => {
    const mark = new PartitionMark(at, { offset: 0n, generation: 0 })
    const backlog = newBacklog()
    const entryOf = (): WeakRef<object> => {
      backlog.add(pageOf(mark, ['poison', 'other']))
      const [poison] = backlog.take() ?? []
      const [other] = backlog.take() ?? []
      assert.ok(poison !== undefined && other !== undefined)
      backlog.handled(other.lane)
      return new WeakRef(other)
    }
    const handled = entryOf()
    assert.equal(mark.offset, 0n)
    assert.equal(mark.inHand, 2)
    await collectGarbage()
    assert.equal(handled.deref(), undefined)
  })

  it('keeps no page for an event that waits behind one that failed: it has its bytes apart', () => {
    const mark = new PartitionMark(at, { offset: 0n, generation: 0 })
    const backlog = newBacklog()
    backlog.add(pageOf(mark, ['poison']))
    const [poison] = backlog.take() ?? []
    assert.ok(poison !== undefined)
    poison.lane.state = 'waiting'
    const later = pageOf(mark, ['poison'])
    backlog.add(later)
    const [, waiting] = backlog.of(mark)?.unhandled ?? []
    const [original] = later.page.records
    assert.deepEqual(waiting?.record, original)
    assert.notEqual(waiting?.record.value, original?.value)
  })

  it('goes on with a key whose lane was empty for a while, in order', () => {
    const mark = new PartitionMark(at, { offset: 0n, generation: 0 })
    const backlog = newBacklog()
    for (let round = 0; round < 3; round++) {
      backlog.add(pageOf(mark, ['a', 'b', 'a']))
      const first = [backlog.take(), backlog.take(), backlog.take()]
      assert.deepEqual(
        first.map((entries) => entries?.[0].offset),
        [0n, 1n, undefined],
      )
      for (const entries of first) {
        if (entries === null || entries === undefined) continue
        backlog.handled(entries[0].lane)
        backlog.offer(entries[0].lane)
      }
      const last = backlog.take()?.[0]
      assert.equal(last?.offset, 2n)
      if (last !== undefined) backlog.handled(last.lane)
      if (last !== undefined) backlog.offer(last.lane)
      assert.equal(mark.inHand, 0)
    }
  })
})

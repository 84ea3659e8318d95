import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { committedRecords } from './committed-records.ts'
import type { RecordBatch } from './wire.ts'

const TRANSACTIONAL = 0x10
const CONTROL = 0x20

function batch(
  firstOffset: number,
  values: readonly string[],
  more: Partial<RecordBatch> = {},
): RecordBatch {
  return {
    firstOffset: BigInt(firstOffset),
    lastOffsetDelta: values.length - 1,
    attributes: 0,
    producerId: -1n,
    records: values.map((value, i) => ({
      offset: BigInt(firstOffset + i),
      timestamp: 1_000 + i,
      key: null,
      value: Buffer.from(value),
      headers: [],
    })),
    ...more,
  }
}

function written(firstOffset: number, producerId: number, values: readonly string[]): RecordBatch {
  return batch(firstOffset, values, {
    attributes: TRANSACTIONAL,
    producerId: BigInt(producerId),
  })
}

function marker(offset: number, producerId: number, type: 'abort' | 'commit'): RecordBatch {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1])
  const record = { offset: BigInt(offset), timestamp: 1_000, key, value: null, headers: [] }
  return batch(offset, ['x'], {
    attributes: TRANSACTIONAL | CONTROL,
    producerId: BigInt(producerId),
    records: [record],
  })
}

const aborted = (producerId: number, firstOffset: number) => ({
  producerId: BigInt(producerId),
  firstOffset: BigInt(firstOffset),
})

function read(...args: Parameters<typeof committedRecords>): [string[], bigint] {
  const { records, nextOffset } = committedRecords(...args)
  return [records.map((one) => String(one.value)), nextOffset]
}

describe('committed records', () => {
  it('drop what was aborted of one producer several times, and keep what it committed after', () => {
    const batches = [
      written(0, 7, ['a']),
      marker(1, 7, 'abort'),
      written(2, 7, ['b']),
      marker(3, 7, 'abort'),
      written(4, 7, ['c']),
      marker(5, 7, 'commit'),
    ]
    const both = [aborted(7, 2), aborted(7, 0)]
    assert.deepEqual(read(batches, both, 0n), [['c'], 6n])
  })

  it('keep what a producer committed between two that it aborted', () => {
    const batches = [
      written(0, 7, ['a']),
      marker(1, 7, 'abort'),
      written(2, 7, ['b']),
      marker(3, 7, 'commit'),
      written(4, 7, ['c']),
      marker(5, 7, 'abort'),
    ]
    assert.deepEqual(read(batches, [aborted(7, 0), aborted(7, 4)], 0n), [['b'], 6n])
  })

  it('need neither the beginning nor the marker of an aborted transaction', () => {
    const middle = [written(100, 7, ['a', 'b']), written(102, 7, ['c'])]
    assert.deepEqual(read(middle, [aborted(7, 3)], 100n), [[], 103n])
  })

  it('leave other producers alone, with transactions and without', () => {
    const batches = [
      written(0, 7, ['a']),
      written(1, 8, ['b']),
      batch(2, ['c']),
      marker(3, 7, 'abort'),
      marker(4, 8, 'commit'),
    ]
    assert.deepEqual(read(batches, [aborted(7, 0)], 0n), [['b', 'c'], 5n])
  })

  it('begin at the position and end behind the last batch, whatever is in it', () => {
    const compacted = { ...batch(10, ['a', 'b', 'c']), lastOffsetDelta: 9 }
    assert.deepEqual(read([compacted], [], 11n), [['b', 'c'], 20n])
    assert.deepEqual(read([], [], 11n), [[], 11n])
    assert.deepEqual(read([batch(0, ['a'])], [], 5n), [[], 5n])
  })
})

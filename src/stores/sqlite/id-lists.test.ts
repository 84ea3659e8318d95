import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { decodeRanges, encodeRanges, gapsOf, splitRanges } from './id-lists.ts'

const LAST = 2n ** 63n - 1n

describe('gapsOf', () => {
  it('gives what lies between, before and behind the ids that are taken', () => {
    const taken = [
      [1n, 2n],
      [5n, 5n],
      [6n, 8n],
      [12n, 20n],
    ] as const
    const all = [
      [3n, 4n],
      [9n, 11n],
      [21n, LAST],
    ]
    assert.deepEqual(gapsOf(taken, 1n), all)
    assert.deepEqual(gapsOf(taken, 0n), [[0n, 0n], ...all])
    assert.deepEqual(gapsOf(taken, 4n), [[4n, 4n], ...all.slice(1)])
    assert.deepEqual(gapsOf(taken, 7n), all.slice(1))
    assert.deepEqual(gapsOf(taken, 30n), [[30n, LAST]])
    assert.deepEqual(gapsOf([], 1n), [[1n, LAST]])
  })
})

describe('splitRanges', () => {
  const ranges = [
    [1n, 3n],
    [7n, 7n],
    [9n, 10n],
  ] as const

  it('gives the first ids and the others, and loses none', () => {
    assert.deepEqual(splitRanges(ranges, 0), [[], ranges])
    assert.deepEqual(splitRanges(ranges, 2), [[[1n, 2n]], [[3n, 3n], ...ranges.slice(1)]])
    assert.deepEqual(splitRanges(ranges, 3), [[ranges[0]], ranges.slice(1)])
    assert.deepEqual(splitRanges(ranges, 5), [[ranges[0], ranges[1], [9n, 9n]], [[10n, 10n]]])
    assert.deepEqual(splitRanges(ranges, 6), [ranges, []])
    assert.deepEqual(splitRanges(ranges, 99), [ranges, []])
  })
})

describe('decodeRanges', () => {
  it('reads what encodeRanges wrote, without rounding', () => {
    const ranges = [
      [1n, 2n],
      [9_007_199_254_740_993n, LAST],
    ] as const
    assert.equal(encodeRanges(ranges), '[[1,2],[9007199254740993,9223372036854775807]]')
    assert.deepEqual(decodeRanges(encodeRanges(ranges)), ranges)
    assert.deepEqual(decodeRanges(encodeRanges([])), [])
  })
})

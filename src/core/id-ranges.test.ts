import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countIds, formatRanges, mergeRanges, parseRanges, toRanges } from './id-ranges.ts'

test('neighbours are one range, and every integer in a range is an id that was given', () => {
  assert.deepEqual(toRanges([1n, 2n, 3n, 7n, 9n, 10n]), [
    [1n, 3n],
    [7n, 7n],
    [9n, 10n],
  ])
  assert.deepEqual(toRanges([]), [])
})

test('ranges are written and read back, beyond what a number holds', () => {
  const ranges = toRanges([1n, 2n, 5n, 2n ** 63n - 1n])
  assert.equal(formatRanges(ranges), '[1-2,5,9223372036854775807]')
  assert.deepEqual(parseRanges(formatRanges(ranges)), ranges)
  assert.deepEqual(parseRanges('[]'), [])
  for (const text of ['', '[', '1-2', '[1-]', '[a]', '[1,,2]']) {
    assert.throws(() => parseRanges(text), SyntaxError, text)
  }
})

test('sets that interleave are merged into ascending ranges', () => {
  const odd = toRanges([1n, 3n, 5n])
  const even = toRanges([2n, 4n, 9n])
  assert.deepEqual(mergeRanges([odd, even]), [
    [1n, 5n],
    [9n, 9n],
  ])
  assert.equal(countIds(mergeRanges([odd, even])), 6)
})

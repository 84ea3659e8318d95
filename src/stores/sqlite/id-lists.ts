import type { IdRange, IdRanges } from '../../core/id-ranges.ts'

const LAST = 2n ** 63n - 1n

/** The runs of ids from `from` on that are not in `taken`; the last one is open. */
export function gapsOf(taken: IdRanges, from: bigint): IdRanges {
  const gaps: IdRange[] = []
  let next = from
  for (const [first, last] of taken) {
    if (last < next) continue
    if (first > next) gaps.push([next, first - 1n])
    next = last + 1n
  }
  gaps.push([next, LAST])
  return gaps
}

/** The first `count` ids, and the others. */
export function splitRanges(ranges: IdRanges, count: number): readonly [IdRanges, IdRanges] {
  const head: IdRange[] = []
  const rest: IdRange[] = []
  let left = BigInt(count)
  for (const [first, last] of ranges) {
    const end = first + left - 1n
    if (left > 0n) head.push([first, last < end ? last : end])
    if (last > end) rest.push([left > 0n ? end + 1n : first, last])
    left = last < end ? end - last : 0n
  }
  return [head, rest]
}

/** `[[first, last], …]`, which SQLite reads as JSON without losing digits. */
export function encodeRanges(ranges: IdRanges): string {
  return `[${ranges.map(([first, last]) => `[${first},${last}]`).join(',')}]`
}

/** Reads what `encodeRanges` wrote. */
export function decodeRanges(json: string): IdRanges {
  return Array.from(json.matchAll(/(\d+),(\d+)/g), ([, first = '', last = '']) => [
    BigInt(first),
    BigInt(last),
  ])
}

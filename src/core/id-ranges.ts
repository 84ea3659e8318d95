/** A run of ids without a gap, both ends included. */
export type IdRange = readonly [first: bigint, last: bigint]

/** Ids as ascending runs: 1,000 neighbours are one pair. Every integer in a run is an id that is meant. */
export type IdRanges = readonly IdRange[]

/** The runs of `ids`, which are ascending and without repeats. */
export function toRanges(ids: readonly bigint[]): IdRanges {
  const ranges: [bigint, bigint][] = []
  let open: [bigint, bigint] | undefined
  for (const id of ids) {
    if (open !== undefined && id === open[1] + 1n) open[1] = id
    else ranges.push((open = [id, id]))
  }
  return ranges
}

/** The union of sets that share no id, as ascending runs. */
export function mergeRanges(sets: Iterable<IdRanges>): IdRanges {
  const all = [...sets].flat().toSorted((a, b) => (a[0] < b[0] ? -1 : 1))
  const merged: [bigint, bigint][] = []
  for (const [first, last] of all) {
    const open = merged.at(-1)
    if (open !== undefined && first <= open[1] + 1n) {
      if (last > open[1]) open[1] = last
    } else merged.push([first, last])
  }
  return merged
}

export function countIds(ranges: IdRanges): number {
  let count = 0n
  for (const [first, last] of ranges) count += last - first + 1n
  return Number(count)
}

/** `[1-3,7]`: for logs and for markers. */
export function formatRanges(ranges: IdRanges): string {
  return `[${ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',')}]`
}

/** Reads what `formatRanges` wrote. Throws a `SyntaxError` on anything else. */
export function parseRanges(text: string): IdRanges {
  if (!/^\[(\d+(-\d+)?(,\d+(-\d+)?)*)?\]$/.test(text))
    throw new SyntaxError(`not id ranges: ${text.slice(0, 60)}`)
  const inner = text.slice(1, -1)
  if (inner === '') return []
  return inner.split(',').map((part): IdRange => {
    const [first = '', last = first] = part.split('-')
    return [BigInt(first), BigInt(last)]
  })
}

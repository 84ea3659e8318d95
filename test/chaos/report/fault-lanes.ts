import type { FaultSpan } from './run-record.ts'

/** A fault, where it is drawn. */
interface Band {
  readonly fault: FaultSpan
  readonly x: number
  readonly width: number
}

/** All faults of a name: one row, or as many as it takes so that no two of them touch. */
export interface Lane {
  readonly name: string
  readonly rows: readonly (readonly Band[])[]
}

/** What a fault without duration has, so that it is seen. */
const NARROWEST = 2.5
const APART = 0.5

/** Lanes by name: what belongs to one server stands together. */
export function lanesOf(faults: readonly FaultSpan[], toX: (at: number) => number): Lane[] {
  const byName = Map.groupBy(faults, ({ name }) => name)
  return [...byName]
    .toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([name, own]) => ({ name, rows: packed(own, toX) }))
}

function packed(faults: readonly FaultSpan[], toX: (at: number) => number): Band[][] {
  const rows: Band[][] = []
  for (const fault of faults.toSorted((a, b) => a.from - b.from)) {
    const x = toX(fault.from)
    const width = Math.max(NARROWEST, toX(fault.to) - x)
    const free = rows.find((row) => {
      const last = row.at(-1)
      return last === undefined || last.x + last.width + APART <= x
    })
    if (free === undefined) rows.push([{ fault, x, width }])
    else free.push({ fault, x, width })
  }
  return rows
}

/** When anything at all was wrong, from the first to the last. */
export function troubledTimes(faults: readonly FaultSpan[]): { from: number; to: number }[] {
  const times: { from: number; to: number }[] = []
  for (const { from, to } of faults.toSorted((a, b) => a.from - b.from)) {
    const last = times.at(-1)
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to)
    else times.push({ from, to })
  }
  return times
}

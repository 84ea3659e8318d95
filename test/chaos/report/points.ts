/** A value at a moment, in seconds since the start. */
export interface Point {
  readonly at: number
  readonly value: number
}

/** So many times the usual distance of two samples is a gap: nobody could look. */
const GAP = 3

/**
 * Totals, as rates per second. A rate belongs to the time between two samples, and stands in its
 * middle; over a gap only the average is known, and it stands from one end to the other.
 */
export function ratesOf(totals: readonly Point[]): Point[] {
  const gap = gapOf(totals)
  return pairsOf(totals).flatMap(([before, after]) => {
    const seconds = after.at - before.at
    const value = (after.value - before.value) / seconds
    if (seconds > gap) return [before.at, after.at].map((at) => ({ at, value }))
    return [{ at: (before.at + after.at) / 2, value }]
  })
}

/** Cut wherever there is a gap: what nobody saw is not drawn as a straight line. */
export function stretchesOf(points: readonly Point[]): Point[][] {
  const gap = gapOf(points)
  const stretches: Point[][] = []
  let before: Point | undefined
  for (const point of points) {
    if (before === undefined || point.at - before.at > gap) stretches.push([])
    stretches.at(-1)?.push(point)
    before = point
  }
  return stretches
}

/** About `most` points: the highest and the lowest of each part of the time. */
export function thin(points: readonly Point[], most = 600): readonly Point[] {
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined || points.length <= most) return points
  const parts = Math.max(1, Math.floor(most / 2))
  const length = (last.at - first.at) / parts || 1
  const byPart = Map.groupBy(points, ({ at }) =>
    Math.min(parts - 1, Math.floor((at - first.at) / length)),
  )
  return [...byPart.values()].flatMap((part) => {
    const lowest = part.reduce((one, other) => (other.value < one.value ? other : one))
    const highest = part.reduce((one, other) => (other.value > one.value ? other : one))
    if (lowest === highest) return [lowest]
    return lowest.at < highest.at ? [lowest, highest] : [highest, lowest]
  })
}

function gapOf(points: readonly Point[]): number {
  const distances = pairsOf(points).map(([before, after]) => after.at - before.at)
  const usual = distances.toSorted((a, b) => a - b)[Math.floor(distances.length / 2)] ?? Infinity
  return usual * GAP
}

/** Neighbours, those without time between them left out. */
function pairsOf(points: readonly Point[]): [Point, Point][] {
  return points.flatMap((after, n): [Point, Point][] => {
    const before = points[n - 1]
    return before !== undefined && after.at > before.at ? [[before, after]] : []
  })
}

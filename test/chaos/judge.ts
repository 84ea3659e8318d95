/** One event as its writer knows it: the n-th of its key. */
export interface Written {
  readonly key: string
  readonly number: number
}

/** What was found wrong between what committed and what a reader of the topic sees. */
export interface Verdict {
  readonly committed: number
  /** Committed, and not in the topic. */
  readonly lost: number
  /** In the topic, and never committed. */
  readonly ghosts: number
  /** In the topic more than once: how many too many. */
  readonly duplicated: number
  /** Came for the first time after a younger one of their key had come. */
  readonly reordered: number
  /** Came again after a younger one of their key had come: what a late duplicate does to a reader. */
  readonly steppedBack: number
}

/**
 * Compares, by the writers' own numbers. A writer sends the n-th event of its key only after the
 * commit of the one before has returned, so their order is real time's. `seen` is in the order of
 * the offsets of each partition, and a key has one partition.
 */
export function judge(committed: readonly Written[], seen: readonly Written[]): Verdict {
  const expected = new Set(committed.map(nameOf))
  const met = new Set<string>()
  const latest = new Map<string, number>()
  let [ghosts, duplicated, reordered, steppedBack] = [0, 0, 0, 0]
  for (const event of seen) {
    const name = nameOf(event)
    const youngest = latest.get(event.key) ?? 0
    if (!expected.has(name)) ghosts += 1
    if (met.has(name)) {
      duplicated += 1
      if (event.number < youngest) steppedBack += 1
    } else if (event.number < youngest) reordered += 1
    met.add(name)
    latest.set(event.key, Math.max(youngest, event.number))
  }
  const lost = [...expected].filter((name) => !met.has(name)).length
  return { committed: expected.size, lost, ghosts, duplicated, reordered, steppedBack }
}

/** Violations of what the guarantee promises; `mayRepeat` events may come again after the faults. */
export function violations(verdict: Verdict, mayRepeat: number): number {
  const { lost, ghosts, reordered, duplicated } = verdict
  return lost + ghosts + reordered + Math.max(0, duplicated - mayRepeat)
}

function nameOf({ key, number }: Written): string {
  return `${key}#${number}`
}

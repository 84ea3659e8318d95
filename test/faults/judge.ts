/** One event as its writer knows it: the n-th of its key. */
export interface Written {
  readonly key: string
  readonly number: number
}

/** One record, as a reader of the topic meets it. */
export interface Seen extends Written {
  readonly uuid: string
  /** When it was published, milliseconds since the epoch. */
  readonly at: number
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
  /** Of those, how many came again before the first fault, after the first, after the second … */
  readonly repeats: readonly number[]
  /** Came again under another uuid, so that no inbox would know them. */
  readonly renamed: number
  /** Came for the first time after a younger one of their key had come. */
  readonly reordered: number
  /** Came again after a younger one of their key had come: what a late duplicate does to a reader. */
  readonly steppedBack: number
}

/**
 * Compares, by the writers' own numbers. A writer sends the n-th event of its key only after the
 * commit of the one before has returned, so their order is real time's. `seen` is in the order of
 * the offsets of each partition, and a key has one partition. `faults` are moments, ascending.
 */
export function judge(
  committed: readonly Written[],
  seen: readonly Seen[],
  faults: readonly number[] = [],
): Verdict {
  const expected = new Set(committed.map(nameOf))
  const met = new Map<string, { readonly uuid: string; at: number }>()
  const latest = new Map<string, number>()
  const repeats = [0, ...faults.map(() => 0)]
  let [ghosts, renamed, reordered, steppedBack] = [0, 0, 0, 0]
  for (const event of seen) {
    const name = nameOf(event)
    const youngest = latest.get(event.key) ?? 0
    const before = met.get(name)
    if (!expected.has(name)) ghosts += 1
    if (before === undefined) {
      if (event.number < youngest) reordered += 1
      met.set(name, { uuid: event.uuid, at: event.at })
    } else {
      // A late request of a frozen relay has an old time and a high offset: the younger time counts.
      before.at = Math.max(before.at, event.at)
      const fault = faults.filter((moment) => moment <= before.at).length
      repeats[fault] = (repeats[fault] ?? 0) + 1
      if (event.uuid !== before.uuid) renamed += 1
      if (event.number < youngest) steppedBack += 1
    }
    latest.set(event.key, Math.max(youngest, event.number))
  }
  const lost = [...expected].filter((name) => !met.has(name)).length
  const duplicated = repeats.reduce((sum, count) => sum + count, 0)
  const found = { lost, ghosts, duplicated, repeats, renamed, reordered, steppedBack }
  return { committed: expected.size, ...found }
}

/** Violations of what the guarantee promises; after each fault `mayRepeat` events may come again. */
export function violations(verdict: Verdict, mayRepeat: number): number {
  const { lost, ghosts, renamed, reordered, repeats } = verdict
  const tooMany = repeats.map((count, fault) => Math.max(0, count - (fault === 0 ? 0 : mayRepeat)))
  return lost + ghosts + renamed + reordered + tooMany.reduce((sum, count) => sum + count, 0)
}

function nameOf({ key, number }: Written): string {
  return `${key}#${number}`
}

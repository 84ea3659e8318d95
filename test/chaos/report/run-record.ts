/** What was counted at one moment of a run: totals so far, and how many rows are still to do. */
export interface Sample {
  /** Seconds since the start. */
  readonly at: number
  readonly committed: number
  readonly published: number
  readonly handled: number
  readonly backlog: number
}

/** A fault of a run, from its beginning until what it had hit was usable again. */
export interface FaultSpan {
  /** The same for all of its kind: they are counted by it. */
  readonly name: string
  /** Which process, for how long, what value. */
  readonly detail: string
  /** Seconds since the start. */
  readonly from: number
  readonly to: number
}

/** All that the page of a run is made of. */
export interface RunRecord {
  readonly seed: number
  readonly minutes: number
  readonly startedAt: string
  /** Does the same run again. */
  readonly command: string
  readonly versions: Record<string, string>
  readonly samples: readonly Sample[]
  readonly faults: readonly FaultSpan[]
  readonly events: number
  readonly counts: Record<string, number>
  /** Each a violation: the promise that was broken, and the shortest history that shows it. */
  readonly findings: readonly { readonly promise: string; readonly text: string }[]
}

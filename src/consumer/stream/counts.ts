/** What became of records other than being handed out as they are, since the stream began. */
export interface StreamCounts {
  /** Thrown away by `backpressure: 'drop'`. */
  readonly dropped: number
  /** Replaced by a newer one under `backpressure: 'latest'`. */
  readonly replaced: number
  /** Records that no codec could read, whatever became of them. */
  readonly broken: number
  /** Broken ones that `onBroken` said to skip. */
  readonly skipped: number
  /** Broken ones that are dead letters now. */
  readonly deadLettered: number
}

export type Counting = { -readonly [K in keyof StreamCounts]: StreamCounts[K] }

export function noCounts(): Counting {
  return { dropped: 0, replaced: 0, broken: 0, skipped: 0, deadLettered: 0 }
}

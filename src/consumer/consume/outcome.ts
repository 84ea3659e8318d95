/** What became of a call of the handler; `count` events from the first one were given to it. */
export type Outcome =
  | { readonly state: 'handled'; readonly count: number }
  | Failed
  /** The inbox's database is away: no event's fault. */
  | { readonly state: 'away'; readonly error: unknown }
  /** The first one is passed over, as `onBroken` said. */
  | { readonly state: 'skipped' }
  /** To be a dead letter, without an attempt. */
  | { readonly state: 'dead'; readonly error: unknown }
  /** The consumer can't go on. */
  | { readonly state: 'over'; readonly error: unknown }

export interface Failed {
  readonly state: 'failed'
  readonly error: unknown
  readonly count: number
  /** What was done for those before the failed one is undone. */
  readonly isUndone?: boolean
}

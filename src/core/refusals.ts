import type { BlockedScope } from './outbox-terms.ts'

/** An event that the broker refused, and what becomes of it. */
export interface RefusedEvent {
  /** What waits: the event's key, or a keyless event itself. `eventId` is the event. */
  readonly scope: BlockedScope & { readonly eventId: bigint }
  readonly error: string
  /** How often it has been refused, this time included: to record it twice counts once. */
  readonly attempts: number
  readonly next: RefusalOutcome
}

/**
 * - `retrying`: it is due again after so long, by the database's clock;
 * - `blocked`: it waits, and its key behind it, until someone decides;
 * - `dead`: it is not published; what waits behind it is due to be drained.
 */
export type RefusalOutcome =
  | { readonly state: 'retrying'; readonly afterMs: number }
  | { readonly state: 'blocked' }
  | { readonly state: 'dead' }

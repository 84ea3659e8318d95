import type { RelayState, RelayView } from '../core/outbox-store.ts'

/** What relays of this release write and understand. Raised when old and new can't share lanes. */
export const RELAY_PROTOCOL = 1

export interface LanePolicy {
  readonly relayId: string
  /** All lanes of the outbox. */
  readonly lanes: number
  /** Most relays that work at once; the others stand by. */
  readonly maxRelays: number
}

/**
 * The relays that share the lanes, one lane each at least: those that live, owners before newcomers,
 * then by age.
 * A newcomer never displaces an owner, so lanes move only when a place is free.
 */
function activeRelays(
  relays: readonly RelayState[],
  { lanes, maxRelays }: LanePolicy,
): readonly RelayState[] {
  return relays
    .filter((relay) => relay.state === 'live')
    .toSorted((a, b) => Number(b.lanes > 0) - Number(a.lanes > 0) || (a.id < b.id ? -1 : 1))
    .slice(0, Math.min(maxRelays, lanes))
}

/** How many lanes this relay should own; 0 while it stands by. */
export function laneShare(relays: readonly RelayState[], policy: LanePolicy): number {
  const active = activeRelays(relays, policy)
  if (!active.some((relay) => relay.id === policy.relayId)) return 0
  if (active.some((relay) => relay.protocol < RELAY_PROTOCOL)) return 0
  return Math.ceil(policy.lanes / active.length)
}

/** Which of the free lanes to take. */
export function lanesToClaim(view: RelayView, policy: LanePolicy): readonly number[] {
  const wanted = laneShare(view.relays, policy) - view.owned.length
  return wanted <= 0 ? [] : view.free.slice(0, wanted)
}

/** Which of the owned lanes to give to the others. */
export function lanesToRelease(
  owned: readonly number[],
  relays: readonly RelayState[],
  policy: LanePolicy,
): readonly number[] {
  return owned.slice(laneShare(relays, policy))
}

/** How the wait between attempts grows. */
export interface Backoff {
  readonly firstMs: number
  readonly maxMs: number
  /** The part of the wait that is random, 0 to 1: 0.2 means between 0.8 and 1.2 of it. */
  readonly jitter: number
}

/** The wait after `failures` failures in a row (1 or more): first, then doubled up to the most. */
export function backoffMs(
  backoff: Backoff,
  failures: number,
  random: () => number = Math.random,
): number {
  const base = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(failures - 1, 30))
  return Math.min(backoff.maxMs, base * (1 + backoff.jitter * (2 * random() - 1)))
}

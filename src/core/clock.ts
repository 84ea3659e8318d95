import { setTimeout as wait } from 'node:timers/promises'

/** Time as the parts see it: an argument, so that a test can hold it. */
export interface Clock {
  /** Wall time, milliseconds since the epoch. */
  now(): number
  /** Milliseconds since some start, never set back; stands still while a machine is suspended. */
  monotonic(): number
  /** Resolves after `ms`, or at once when `signal` aborts: whoever waits looks at the signal itself. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    if (signal?.aborted === true) return
    // Rejects only when the signal aborts, and then whoever waited looks at the signal.
    await wait(ms, undefined, signal === undefined ? {} : { signal }).catch(() => {})
  },
}

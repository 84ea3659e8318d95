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

/** The longest that a timer of Node takes: one that is longer would end at once. */
const LONGEST_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    const options = signal === undefined ? {} : { signal }
    for (let left = ms; ; left -= LONGEST_MS) {
      if (signal?.aborted === true) return
      // Rejects only when the signal aborts, and then whoever waited looks at the signal.
      await wait(Math.min(left, LONGEST_MS), undefined, options).catch(() => {})
      if (!(left > LONGEST_MS)) return
    }
  },
}

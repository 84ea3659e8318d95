import type { Clock } from '../core/clock.ts'
import { fingerprint } from '../core/fingerprint.ts'

/** So many keys of a topic, refused alike within the window, mean that it is not about the keys. */
const KEYS = 100
const WINDOW_MS = 60_000
const FIRST_PAUSE_MS = 30_000
const LONGEST_PAUSE_MS = 300_000
/** Kinds of errors of one topic that are told apart, and how much of their texts. */
const MOST_KINDS = 100
const KIND_LENGTH = 200

interface Storm {
  /** When each key was refused last, by kind of error. */
  readonly refused: Map<string, Map<string, number>>
  /** The last time that the topic was parked: for which kind, how long, and when. */
  last: { readonly kind: string; readonly pauseMs: number; readonly at: number } | null
}

export interface StormNote {
  /** How long the topic should rest, `null` where it is about this key alone. */
  readonly pauseMs: number | null
  /** The topic was parked for the like a moment ago: it is not this event's fault. */
  readonly lasts: boolean
}

/** Notices when it is not single events that are refused, but everything of a topic. */
export class RefusalStorms {
  readonly #clock: Clock
  readonly #topics = new Map<string, Storm>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Notes a refusal of a key, or of an event without one, by its name. A topic should rest where a
   * hundred were refused by one error within a minute: longer each time that it happens again.
   */
  note(topic: string, name: string, error: string): StormNote {
    const now = this.#clock.monotonic()
    const storm = this.#topics.get(topic) ?? { refused: new Map(), last: null }
    this.#topics.set(topic, storm)
    const kind = kindOf(error)
    const lasts = isLasting(storm, kind, now)
    if (countAlike(storm, { kind, name, now }) < KEYS) return { pauseMs: null, lasts }
    storm.refused.clear()
    const before = lasts ? (storm.last?.pauseMs ?? 0) : 0
    const pauseMs = before === 0 ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, before * 2)
    storm.last = { kind, pauseMs, at: now }
    return { pauseMs, lasts: true }
  }
}

/** The topic was parked for the like, and has hardly worked since. */
function isLasting({ last }: Storm, kind: string, now: number): boolean {
  return last !== null && last.kind === kind && now - last.at < last.pauseMs + WINDOW_MS * 2
}

/** Notes a name, and counts those that were refused alike within the window. */
function countAlike(
  { refused }: Storm,
  { kind, name, now }: { kind: string; name: string; now: number },
): number {
  const names = refused.get(kind) ?? new Map<string, number>()
  // Both in the order of their last refusal.
  refused.delete(kind)
  refused.set(kind, names)
  names.delete(name)
  names.set(name, now)
  for (const [old, at] of names) {
    if (now - at < WINDOW_MS) break
    names.delete(old)
  }
  const [longestAgo] = refused.keys()
  if (refused.size > MOST_KINDS && longestAgo !== undefined) refused.delete(longestAgo)
  return names.size
}

/** As the fingerprint; what is quoted differs too: a key, a name. */
function kindOf(error: string): string {
  return fingerprint(error.slice(0, KIND_LENGTH)).replaceAll(/"[^"]*"|'[^']*'/g, '"*"')
}

import type { Clock } from '../core/clock.ts'

/** So many keys of a topic, refused alike within the window, mean that it is not about the keys. */
const KEYS = 100
const WINDOW_MS = 60_000
const FIRST_PAUSE_MS = 30_000
const LONGEST_PAUSE_MS = 300_000

interface Storm {
  /** When each key was refused last, by error. */
  readonly refused: Map<string, Map<string, number>>
  /** Of the last time that the topic was parked for it. */
  pauseMs: number
  parkedAt: number
}

/** Notices when it is not single events that are refused, but everything of a topic. */
export class RefusalStorms {
  readonly #clock: Clock
  readonly #topics = new Map<string, Storm>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Notes a refusal of a key, or of an event without one, by its name. How long the topic should
   * rest, where a hundred were refused by one error within a minute: longer each time that it
   * happens again; `null` where it is about this key alone.
   */
  note(topic: string, name: string, error: string): number | null {
    const now = this.#clock.monotonic()
    const storm = this.#topics.get(topic) ?? { refused: new Map(), pauseMs: 0, parkedAt: 0 }
    this.#topics.set(topic, storm)
    const alike = fingerprint(error)
    const names = storm.refused.get(alike) ?? new Map<string, number>()
    storm.refused.set(alike, names)
    // In the order of their last refusal.
    names.delete(name)
    names.set(name, now)
    for (const [old, at] of names) {
      if (now - at < WINDOW_MS) break
      names.delete(old)
    }
    if (names.size < KEYS) return null
    storm.refused.clear()
    const isLasting = storm.pauseMs > 0 && now - storm.parkedAt < storm.pauseMs + WINDOW_MS * 2
    storm.pauseMs = isLasting ? Math.min(LONGEST_PAUSE_MS, storm.pauseMs * 2) : FIRST_PAUSE_MS
    storm.parkedAt = now
    return storm.pauseMs
  }
}

/** What errors have in common that differ in numbers, ids and what is quoted. */
function fingerprint(error: string): string {
  return error
    .replaceAll(/"[^"]*"|'[^']*'/g, '"*"')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d[\d.,]*/gi, '*')
}

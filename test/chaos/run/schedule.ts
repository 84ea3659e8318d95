import { setTimeout as wait } from 'node:timers/promises'
import type { Fault } from '../faults/fault.ts'
import { seeded } from '../random.ts'
import type { FaultSpan } from '../report/run-record.ts'

/** How often a fault strikes while the one before is still under way. */
const OVERLAP = 0.3
const MOST_AT_ONCE = 2

/**
 * A shuffled deck of faults: each one is met once before any is met again, in an order that only
 * the seed decides.
 */
function* shuffledDeck(
  faults: readonly Fault[],
  random: () => number,
): Generator<Fault, never, undefined> {
  for (;;) {
    const deck = [...faults]
    while (deck.length > 0) {
      yield* deck.splice(Math.floor(random() * deck.length), 1)
    }
  }
}

export interface ScheduleOptions {
  readonly faults: readonly Fault[]
  readonly random: () => number
  /** Called right before a fault strikes. */
  readonly onStrike: (fault: Fault) => void
  /** Called when what a fault had hit is usable again. */
  readonly onHealed: (span: FaultSpan) => void
  /** Seconds since the start of the run. */
  readonly at: () => number
}

/** Strikes until `signal` aborts; resolves when the last fault is healed. */
export async function strikeUntil(signal: AbortSignal, options: ScheduleOptions): Promise<void> {
  const { faults, random } = options
  const deck = shuffledDeck(faults, random)
  const underWay = new Map<Fault, Promise<void>>()
  while (!signal.aborted) {
    // All is drawn before anything happens, so that only the seed decides.
    const { value: fault } = deck.next()
    const [pauseMs, overlaps, lastsMs] = [
      200 + random() * 1_000,
      random() < OVERLAP,
      duration(random),
    ]
    const own = seeded(Math.floor(random() * 2 ** 32))
    await pause(pauseMs, signal)
    const busy = new Set([...underWay.keys()].flatMap(({ targets }) => targets))
    const mayOverlap = overlaps && !fault.targets.some((target) => busy.has(target))
    if (!mayOverlap || underWay.size >= MOST_AT_ONCE) await Promise.all(underWay.values())
    if (signal.aborted) break
    const spell = strikeOnce(fault, lastsMs, { ...options, random: own, signal }).finally(() => {
      underWay.delete(fault)
    })
    // Its failure is met below, at the latest.
    spell.catch(() => {})
    underWay.set(fault, spell)
  }
  await Promise.all(underWay.values())
}

/** Most are short; some last longer than a relay's lease, few longer than a consumer's session. */
function duration(random: () => number): number {
  const drawn = random()
  if (drawn < 0.6) return 200 + random() * 1_800
  return drawn < 0.9 ? 2_000 + random() * 3_000 : 5_000 + random() * 4_000
}

async function strikeOnce(
  fault: Fault,
  lastsMs: number,
  options: ScheduleOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const from = options.at()
  options.onStrike(fault)
  const struck = await fault.strike(options.random)
  await pause(lastsMs, options.signal)
  await struck.heal()
  const lasted = `${struck.detail}, for ${(lastsMs / 1_000).toFixed(1)} s`
  options.onHealed({ name: fault.name, detail: lasted, from, to: options.at() })
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => {})
}

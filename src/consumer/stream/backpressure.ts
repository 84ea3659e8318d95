import type { LogRecord } from '../../core/codec.ts'
import { OptionError } from '../../core/errors.ts'
import { knownOptions, oneOf, wholeNumber } from '../../core/options.ts'

/** An event that was given up, undecoded. */
interface DroppedRecord extends LogRecord {
  readonly topic: string
  readonly partition: number
}

/** Called for each event that is given up. What it throws ends the stream. */
type OnDrop = (record: DroppedRecord) => void

type Strategy = 'pause' | 'buffer' | 'error' | 'drop' | 'latest'

/**
 * What happens while the reader is slower than the topic.
 * - `pause`: fetching stops, the broker is the buffer. At most two fetches are in memory.
 * - `buffer`: reads ahead to about `maxBytes` (64 MiB), then pauses.
 * - `error`: once more than `maxEvents` (128) wait, these are handed out, and then `next()` throws a
 *   `BackpressureError`. A new stream of the group begins at the first unhandled event.
 * - `drop`: while `maxEvents` (128) wait, what arrives is thrown away. It counts as handled once
 *   all before it are.
 * - `latest`: one event waits, and a newer one takes its place; with `by: 'key'` one for each key,
 *   events without a key counting as of one. What was replaced counts as handled. The events that
 *   wait are handed out in rounds: what a round has begun with, nothing replaces, so that a key
 *   that never rests gets its turn.
 *
 * The upper-case names are those of other event buses; `MISSING` is `pause`.
 */
export type Backpressure =
  | Strategy
  | 'MISSING'
  | 'BUFFER'
  | 'ERROR'
  | 'DROP'
  | 'LATEST'
  | { readonly strategy: 'pause' }
  | { readonly strategy: 'buffer'; readonly maxBytes?: number }
  | { readonly strategy: 'error'; readonly maxEvents?: number }
  | { readonly strategy: 'drop'; readonly maxEvents?: number; readonly onDrop?: OnDrop }
  | { readonly strategy: 'latest'; readonly by?: 'key'; readonly onDrop?: OnDrop }

export type BackpressureSettings =
  | { readonly strategy: 'pause' }
  | { readonly strategy: 'buffer'; readonly maxBytes: number }
  | { readonly strategy: 'error'; readonly maxEvents: number }
  | { readonly strategy: 'drop'; readonly maxEvents: number; readonly onDrop: OnDrop }
  | { readonly strategy: 'latest'; readonly by: 'key' | null; readonly onDrop: OnDrop }

export const MAX_WAITING_BYTES: number = 64 * 1024 * 1024
const MAX_WAITING_EVENTS = 128
const OPTION = 'stream.backpressure'
const ALIASES: ReadonlyMap<unknown, Strategy> = new Map([
  ['MISSING', 'pause'],
  ['BUFFER', 'buffer'],
  ['ERROR', 'error'],
  ['DROP', 'drop'],
  ['LATEST', 'latest'],
])
const STRATEGIES: readonly Strategy[] = ['pause', 'buffer', 'error', 'drop', 'latest']
const OPTIONS: Readonly<Record<Strategy, readonly string[]>> = {
  pause: [],
  buffer: ['maxBytes'],
  error: ['maxEvents'],
  drop: ['maxEvents', 'onDrop'],
  latest: ['by', 'onDrop'],
}

/** The option with its defaults. Throws an `OptionError` where the strategy takes no such option. */
export function backpressureOf(given: unknown = 'pause'): BackpressureSettings {
  const options = typeof given === 'string' ? { strategy: given } : given
  knownOptions(OPTION, options, ['strategy', 'maxBytes', 'maxEvents', 'by', 'onDrop'])
  const all = options as Readonly<Record<string, unknown>>
  const strategy = strategyOf(all['strategy'])
  for (const [name, value] of Object.entries(all)) {
    if (name !== 'strategy' && value !== undefined && !OPTIONS[strategy].includes(name))
      throw new OptionError(`${OPTION}.${name}`, value, `nothing with strategy: '${strategy}'`)
  }
  return Object.freeze(settingsOf(strategy, all))
}

/** Whether it gives events up: on a backlog nearly all of them. */
export function givesUp({ strategy }: BackpressureSettings): boolean {
  return strategy === 'drop' || strategy === 'latest'
}

function strategyOf(given: unknown): Strategy {
  return oneOf(OPTION, ALIASES.get(given) ?? given, STRATEGIES)
}

function settingsOf(
  strategy: Strategy,
  options: Readonly<Record<string, unknown>>,
): BackpressureSettings {
  const { maxEvents, maxBytes, by, onDrop } = options
  switch (strategy) {
    case 'buffer':
      return { strategy, maxBytes: bytesOf(maxBytes) }
    case 'error':
      return { strategy, maxEvents: eventsOf(maxEvents) }
    case 'drop':
      return { strategy, maxEvents: eventsOf(maxEvents), onDrop: onDropOf(onDrop) }
    case 'latest':
      return {
        strategy,
        by: by === undefined ? null : oneOf<'key'>(`${OPTION}.by`, by, ['key']),
        onDrop: onDropOf(onDrop),
      }
    case 'pause':
    default:
      return { strategy: 'pause' }
  }
}

function eventsOf(given: unknown = MAX_WAITING_EVENTS): number {
  return wholeNumber(`${OPTION}.maxEvents`, given, { min: 1 })
}

function bytesOf(given: unknown = MAX_WAITING_BYTES): number {
  if (given === Number.POSITIVE_INFINITY) return given
  return wholeNumber(`${OPTION}.maxBytes`, given, { min: 1 })
}

function onDropOf(given: unknown = () => {}): OnDrop {
  if (typeof given === 'function') return given as OnDrop
  throw new OptionError(`${OPTION}.onDrop`, given, 'a function')
}

import { OptionError } from '../core/errors.ts'
import type { Position } from '../core/log.ts'
import {
  type Backpressure,
  type BackpressureSettings,
  backpressureOf,
  givesUp,
} from './backpressure.ts'
import { type OnBroken, onBrokenOf } from './broken.ts'
import { flag, knownOptions, oneOf, text, wholeNumber } from '../core/options.ts'

/**
 * Where to begin: at the first record, at what comes from now on, at the first one published at or
 * after a time, or at offsets, as positions or as `{ topic: { partition: offset } }`; partitions
 * without one begin at their first record.
 */
export type StartAt =
  | 'earliest'
  | 'latest'
  | Date
  | readonly Position[]
  | Readonly<Record<string, Readonly<Record<number, bigint>>>>

export interface StreamOptions {
  /**
   * The consumer group: its members share the partitions, and its committed offsets outlive them.
   * None: every event of all partitions, and nothing is committed. @defaultValue none
   */
  readonly group?: string
  /**
   * Where to begin; with a group only where nothing is committed yet.
   * @defaultValue `'earliest'` with a group, `'latest'` without, and where `backpressure` gives events up
   */
  readonly from?: StartAt
  /** Begin at `from` even where the group has committed something: a replay. @defaultValue false */
  readonly seek?: boolean
  /**
   * When handled events are committed, which bounds what comes again after a crash:
   * `auto` every `commitInterval`, `batch` after each page, `message` before the next event.
   * @defaultValue `'auto'`
   */
  readonly commit?: 'auto' | 'batch' | 'message'
  /** Milliseconds between the commits of `auto`. @defaultValue 1000 */
  readonly commitInterval?: number
  /** `loop`: asking for the next event marks those before it handled. `manual`: only `event.ack()` does. @defaultValue `'loop'` */
  readonly ack?: 'loop' | 'manual'
  /** What happens while the reader is slower than the topic. @defaultValue `'pause'` */
  readonly backpressure?: Backpressure
  /**
   * What becomes of a record that no codec reads: `stop` ends the stream before it with a
   * `BrokenRecordError`; `deliver` hands it out with `broken` and its bytes; `deadLetter` puts it
   * into the group's dead letters; a function says one of these or `'skip'`, or reads it.
   * @defaultValue `'stop'`
   */
  readonly onBroken?: OnBroken
  /** How long a rebalance or a stop waits for what is in hand, in milliseconds. @defaultValue 20000 */
  readonly drainTimeout?: number
  /** A member that is silent for so long is expelled from its group, in milliseconds. @defaultValue 30000 */
  readonly sessionTimeout?: number
  /** Ends the loop: what is handled is committed first. */
  readonly signal?: AbortSignal
}

export interface StreamSettings {
  readonly topics: readonly string[]
  readonly group: string | null
  readonly from: 'earliest' | 'latest' | Date | readonly Position[]
  readonly seek: boolean
  readonly commit: 'auto' | 'batch' | 'message'
  readonly commitInterval: number
  readonly ack: 'loop' | 'manual'
  readonly backpressure: BackpressureSettings
  readonly onBroken: OnBroken
  readonly drainTimeout: number
  readonly sessionTimeout: number
  readonly signal: AbortSignal | null
}

const NAMES = [
  'group',
  'from',
  'seek',
  'commit',
  'commitInterval',
  'ack',
  'backpressure',
  'onBroken',
  'drainTimeout',
  'sessionTimeout',
  'signal',
]

/** The options with their defaults. Throws an `OptionError` that names the wrong one. */
export function streamSettings(
  topics: string | readonly string[],
  options: StreamOptions = {},
): StreamSettings {
  knownOptions('stream', options, NAMES)
  const group = options.group === undefined ? null : text('stream.group', options.group)
  const commit = oneOf('stream.commit', options.commit ?? 'auto', ['auto', 'batch', 'message'])
  refuseWithoutGroup(group, options)
  if (options.commitInterval !== undefined && commit !== 'auto') {
    throw new OptionError(
      'stream.commitInterval',
      options.commitInterval,
      `nothing with commit: '${commit}'`,
    )
  }
  const sessionTimeout = wholeNumber('stream.sessionTimeout', options.sessionTimeout ?? 30_000, {
    min: 1000,
    max: 1_800_000,
  })
  const drainTimeout = wholeNumber(
    'stream.drainTimeout',
    options.drainTimeout ?? Math.min(20_000, Math.floor(sessionTimeout / 1.5)),
    { min: 0, max: sessionTimeout - 1 },
  )
  const backpressure = backpressureOf(options.backpressure)
  const isNew = group === null || givesUp(backpressure)
  return Object.freeze({
    topics: topicsOf(topics),
    group,
    backpressure,
    onBroken: onBrokenOf(options.onBroken),
    commit,
    drainTimeout,
    sessionTimeout,
    from: startOf(options.from ?? (isNew ? 'latest' : 'earliest')),
    seek: flag('stream.seek', options.seek ?? false),
    commitInterval: wholeNumber('stream.commitInterval', options.commitInterval ?? 1000, {
      min: 0,
    }),
    ack: oneOf('stream.ack', options.ack ?? 'loop', ['loop', 'manual']),
    signal: signalOf(options.signal),
  })
}

function refuseWithoutGroup(group: string | null, options: StreamOptions): void {
  if (group !== null) return
  for (const name of ['commit', 'commitInterval', 'ack', 'seek'] as const) {
    if (options[name] !== undefined) {
      throw new OptionError(
        `stream.${name}`,
        options[name],
        'nothing without a group: there is nothing to commit',
      )
    }
  }
}

function topicsOf(topics: string | readonly string[]): readonly string[] {
  const list = typeof topics === 'string' ? [topics] : topics
  if (
    !Array.isArray(list) ||
    list.length === 0 ||
    !list.every((topic) => typeof topic === 'string' && topic !== '')
  ) {
    throw new OptionError('stream.topic', topics, 'a topic, or a list of topics')
  }
  return [...new Set(list as readonly string[])]
}

function startOf(from: unknown): StreamSettings['from'] {
  if (from === 'earliest' || from === 'latest') return from
  if (from instanceof Date && !Number.isNaN(from.getTime())) return from
  const positions: readonly unknown[] | null = Array.isArray(from) ? from : positionsOf(from)
  if (positions !== null && positions.every(isPosition)) return positions
  throw new OptionError(
    'stream.from',
    from,
    "'earliest', 'latest', a Date, or bigint offsets: { topic: { partition: offset } } or a list of positions",
  )
}

function positionsOf(from: unknown): readonly unknown[] | null {
  if (typeof from !== 'object' || from === null || from instanceof Date) return null
  return Object.entries(from).flatMap(([topic, offsets]: [string, unknown]) =>
    typeof offsets === 'object' && offsets !== null
      ? Object.entries(offsets).map(([partition, offset]: [string, unknown]) => {
          return { topic, partition: Number(partition), offset }
        })
      : [null],
  )
}

function isPosition(value: unknown): value is Position {
  const { topic, partition, offset } = (value ?? {}) as Partial<Position>
  if (typeof topic !== 'string' || typeof offset !== 'bigint') return false
  return Number.isSafeInteger(partition) && partition! >= 0 && offset >= 0n
}

function signalOf(signal: unknown): AbortSignal | null {
  if (signal === undefined || signal === null) return null
  if (signal instanceof AbortSignal) return signal
  throw new OptionError('stream.signal', signal, 'an AbortSignal')
}

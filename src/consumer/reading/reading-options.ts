import { OptionError } from '../../core/errors.ts'
import type { Position } from '../../core/log.ts'
import { flag, oneOf, text, wholeNumber } from '../../core/options.ts'

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

/** What streams and consumers have in common. */
export interface ReadingOptions {
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
  /** How long a rebalance or a stop waits for what is in hand, in milliseconds. @defaultValue 20000 */
  readonly drainTimeout?: number
  /**
   * A member that is silent for so long is expelled from its group, in milliseconds. With
   * `kafka({ groupProtocol: 'consumer' })` the brokers say how long that is, and this is how long
   * the group waits for what is in hand at most. @defaultValue 30000
   */
  readonly sessionTimeout?: number
  /** Ends it: what is handled is committed first. */
  readonly signal?: AbortSignal
}

export interface ReadingSettings {
  readonly topics: readonly string[]
  readonly group: string | null
  readonly from: 'earliest' | 'latest' | Date | readonly Position[]
  readonly seek: boolean
  readonly commit: 'auto' | 'batch' | 'message'
  readonly commitInterval: number
  readonly drainTimeout: number
  readonly sessionTimeout: number
  readonly signal: AbortSignal | null
}

/** The longest that anything may take or wait for: a day. */
export const DAY_MS = 86_400_000

/**
 * The options of `call`, which is `stream` or `consume`, with their defaults. Throws an
 * `OptionError` that names the wrong one. Names that it doesn't know are not its to refuse.
 */
export function readingSettings(
  call: string,
  topics: string | readonly string[],
  options: ReadingOptions & { readonly startsAt?: 'latest' },
): ReadingSettings {
  const group = options.group === undefined ? null : text(`${call}.group`, options.group)
  const commit = oneOf(`${call}.commit`, options.commit ?? 'auto', ['auto', 'batch', 'message'])
  if (options.commitInterval !== undefined && commit !== 'auto') {
    throw new OptionError(
      `${call}.commitInterval`,
      options.commitInterval,
      `nothing with commit: '${commit}'`,
    )
  }
  const sessionTimeout = wholeNumber(`${call}.sessionTimeout`, options.sessionTimeout ?? 30_000, {
    min: 1000,
    max: 1_800_000,
  })
  const drainTimeout = wholeNumber(
    `${call}.drainTimeout`,
    options.drainTimeout ?? Math.min(20_000, Math.floor(sessionTimeout / 1.5)),
    { min: 0, max: sessionTimeout - 1 },
  )
  const start = options.startsAt ?? (group === null ? 'latest' : 'earliest')
  const list = topicsOf(call, topics)
  const from = startOf(call, options.from ?? start)
  refuseOtherTopics(call, from, list)
  return {
    topics: list,
    group,
    commit,
    drainTimeout,
    sessionTimeout,
    from,
    seek: flag(`${call}.seek`, options.seek ?? false),
    commitInterval: wholeNumber(`${call}.commitInterval`, options.commitInterval ?? 1000, {
      min: 0,
      max: DAY_MS,
    }),
    signal: signalOf(call, options.signal),
  }
}

function topicsOf(call: string, topics: string | readonly string[]): readonly string[] {
  const list = typeof topics === 'string' ? [topics] : topics
  if (
    !Array.isArray(list) ||
    list.length === 0 ||
    !list.every((topic) => typeof topic === 'string' && topic !== '')
  ) {
    throw new OptionError(`${call}.topic`, topics, 'a topic, or a list of topics')
  }
  return [...new Set(list as readonly string[])]
}

function startOf(call: string, from: unknown): ReadingSettings['from'] {
  if (from === 'earliest' || from === 'latest') return from
  if (from instanceof Date && !Number.isNaN(from.getTime())) return from
  const positions: readonly unknown[] | null = Array.isArray(from) ? from : positionsOf(from)
  if (positions !== null && positions.every(isPosition)) return positions
  throw new OptionError(
    `${call}.from`,
    from,
    "'earliest', 'latest', a Date, or bigint offsets: { topic: { partition: offset } } or a list of positions",
  )
}

/** A misspelt topic would begin at its first record, in silence. */
function refuseOtherTopics(
  call: string,
  from: ReadingSettings['from'],
  topics: readonly string[],
): void {
  if (typeof from === 'string' || from instanceof Date) return
  const other = from.find(({ topic }) => !topics.includes(topic))
  if (other !== undefined)
    throw new OptionError(`${call}.from`, other.topic, `offsets of ${topics.join(', ')} alone`)
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

function signalOf(call: string, signal: unknown): AbortSignal | null {
  if (signal === undefined || signal === null) return null
  if (signal instanceof AbortSignal) return signal
  throw new OptionError(`${call}.signal`, signal, 'an AbortSignal')
}

import type { StreamHealth } from '../reading/health.ts'
import { type PartitionLag, partitionLag } from '../reading/lag.ts'
import type { PartitionMark } from '../reading/marks.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { HeldEvent } from './troubles.ts'

export interface ConsumerHealth {
  /**
   * A stream's states, and: `paused` by `pause()`, `blocked` where an event fails again and again,
   * `stuck` where a handler does not end. `reconnecting` where the inbox's database is away, too.
   */
  readonly state: StreamHealth['state'] | 'paused' | 'blocked' | 'stuck'
  /** When it came into this state. */
  readonly since: Date
  /** Which event it is that is blocked or stuck. */
  readonly event: HeldEvent | null
}

export interface ConsumerLag extends PartitionLag {
  /** Since when the first event that is not handled lies there; `null` where none is known. */
  readonly oldest: Date | null
}

/** What a consumer has done so far. */
export interface ConsumerCounts {
  /** Events that were handled, duplicates and skipped ones included. */
  readonly handled: number
  /** Events that became dead letters. */
  readonly dead: number
  /** Records that no codec reads, and that `onBroken` said to skip. */
  readonly skipped: number
  /** Events that the inbox knew, and that were not given to the handler. */
  readonly duplicates: number
}

/** What a consumer did. */
export interface ConsumerResult extends ConsumerCounts {
  /** Events whose handler had not ended when the consumer did: they come again. */
  readonly abandoned: number
}

/** How a consumer is: what keeps it from handling anything first. */
export function healthOf(
  reading: StreamHealth,
  { runs, troubles }: Pick<Dispatcher, 'runs' | 'troubles'>,
  pausedSince: Date | null,
): ConsumerHealth {
  const { state, since } = reading
  if (state === 'stopped' || state === 'reconnecting') return { state, since, event: null }
  if (troubles.awaySince !== null)
    return { state: 'reconnecting', since: troubles.awaySince, event: null }
  const { stuck } = runs
  if (stuck !== undefined) {
    const event = troubles.describe(stuck.entries[0], null)
    return { state: 'stuck', since: new Date(stuck.startedAt + runs.timeoutMs), event }
  }
  const blocked = troubles.firstBlocked
  if (blocked !== null) return { state: 'blocked', ...blocked }
  if (pausedSince !== null && state === 'running')
    return { state: 'paused', since: pausedSince, event: null }
  return { state, since, event: null }
}

/** How far a partition is handled. */
export function lagOf(mark: PartitionMark, { backlog }: Pick<Dispatcher, 'backlog'>): ConsumerLag {
  const [first] = backlog.of(mark)?.unhandled ?? []
  const oldest = first === undefined ? null : new Date(first.record.timestamp)
  return { ...partitionLag(mark), oldest }
}

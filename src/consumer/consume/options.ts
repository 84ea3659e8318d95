import type { DecodedEvent } from '../../core/codec.ts'
import { type BrokenRecordError, OptionError } from '../../core/errors.ts'
import type { Inbox } from '../../core/inbox.ts'
import type { OutboxStore } from '../../core/outbox-store.ts'
import { flag, knownOptions, oneOf, text, wholeNumber } from '../../core/options.ts'
import { type StreamOptions, type StreamSettings, streamSettings } from '../options.ts'
import type { ReceivedEvent } from '../received-event.ts'
import { deadLetterTopic } from './dead-letters.ts'
import type { Order } from './partition-work.ts'
import { type RetryOptions, type RetrySettings, retrySettings } from './retry.ts'

const MiB = 1024 * 1024

/** What becomes of a record that no codec reads; `skip` is only for a function to say. */
export type BrokenPolicy = 'stop' | 'deadLetter' | 'deliver'

/** An event for the record, or what becomes of it. */
export type OnBroken = (broken: BrokenRecordError) => BrokenPolicy | 'skip' | DecodedEvent

interface SharedOptions<Tx> extends Pick<
  StreamOptions,
  'from' | 'seek' | 'commitInterval' | 'drainTimeout' | 'sessionTimeout' | 'signal'
> {
  /** The consumer group: its members share the partitions. */
  readonly group: string
  /** Most calls of the handler side by side. @defaultValue 16 */
  readonly concurrency?: number
  /**
   * Most events of a partition between the first that is not handled and the last that was fetched,
   * at most 64 MiB of them: it bounds memory, and what comes again after a crash. @defaultValue 10000
   */
  readonly window?: number
  /** How a failed event is tried again; it holds back only what waits for it. */
  readonly retry?: RetryOptions
  /** A handler that takes longer, in milliseconds, is `stuck`: its signal aborts. @defaultValue 60000 */
  readonly timeout?: number
  /**
   * Where an event goes that failed too often, or was rejected: `topic`, or `<topic>.<group>.dead`.
   * @defaultValue none: it is tried for ever
   */
  readonly deadLetter?: { readonly topic?: string }
  /**
   * Whether later events of a dead letter's key go on, or follow it there, for as long as this
   * consumer has the partition. @defaultValue `'continue'`
   */
  readonly afterDead?: 'continue' | 'follow'
  /**
   * Handles each event once per group, in a transaction with what the handler does: `true` for the
   * store of the bus, or another store. @defaultValue none
   */
  readonly inbox?: true | Inbox<Tx> | OutboxStore<Tx>
  /** What an event is known by in the inbox, a UUID. @defaultValue its `uuid`, else its `ce_source` and `ce_id`, else its place */
  readonly inboxKey?: (event: ReceivedEvent) => string
  /** With `seek` and an inbox: whether what was handled before is handled again, or only what is missing. */
  readonly replay?: 'again' | 'missing'
  /** What becomes of a record that no codec reads. @defaultValue `'stop'` */
  readonly onBroken?: BrokenPolicy | OnBroken
}

export interface ConsumeOptions<Tx = unknown> extends SharedOptions<Tx> {
  /** One at a time per key, per partition, or without any order. Events without a key have none. @defaultValue `'key'` */
  readonly order?: Order
}

export interface ConsumeBatchesOptions<Tx = unknown> extends SharedOptions<Tx> {
  /** Most events of one call. @defaultValue 100 */
  readonly maxEvents?: number
  /** How long the first event of a batch waits for more, in milliseconds. @defaultValue 100 */
  readonly maxWait?: number
}

export interface ConsumeSettings {
  readonly reading: StreamSettings
  readonly group: string
  readonly order: Order
  readonly maxEvents: number
  readonly maxWait: number
  readonly concurrency: number
  readonly window: number
  readonly windowBytes: number
  readonly retry: RetrySettings
  readonly timeout: number
  /** `topic: null`: one for each topic. `null`: none. */
  readonly deadLetter: { readonly topic: string | null } | null
  readonly afterDead: 'continue' | 'follow'
  readonly inboxKey: ((event: ReceivedEvent) => string) | null
  readonly replay: 'again' | 'missing'
  readonly onBroken: BrokenPolicy | OnBroken
}

const READING = [
  'group',
  'from',
  'seek',
  'commitInterval',
  'drainTimeout',
  'sessionTimeout',
  'signal',
] as const
const SHARED = [
  ...READING,
  'concurrency',
  'window',
  'retry',
  'timeout',
  'deadLetter',
  'afterDead',
  'inbox',
  'inboxKey',
  'replay',
  'onBroken',
]

/** The options with their defaults. Throws an `OptionError` that names the wrong one. */
export function consumeSettings(
  topics: string | readonly string[],
  options: ConsumeOptions<never>,
): ConsumeSettings {
  knownOptions('consume', options, [...SHARED, 'order'])
  const order = oneOf('consume.order', options.order ?? 'key', ['key', 'partition', 'none'])
  return Object.freeze({ ...sharedSettings(topics, options), order, maxEvents: 1, maxWait: 0 })
}

/** To run a group's handler over its dead letters: as another group, the handler's inbox stays. */
export function redriveSettings(topic: string, options: ConsumeOptions<never>): ConsumeSettings {
  const { group, deadLetter } = consumeSettings(topic, options)
  const dead = deadLetter?.topic ?? deadLetterTopic(topic, group)
  const settings = consumeSettings(dead, { ...options, deadLetter: { topic: dead } })
  return Object.freeze({
    ...settings,
    reading: Object.freeze({ ...settings.reading, group: `${group}.redrive` }),
  })
}

/** The options with their defaults. Throws an `OptionError` that names the wrong one. */
export function batchSettings(
  topics: string | readonly string[],
  options: ConsumeBatchesOptions<never>,
): ConsumeSettings {
  knownOptions('consumeBatches', options, [...SHARED, 'maxEvents', 'maxWait'])
  const shared = sharedSettings(topics, options)
  const { maxEvents = Math.min(100, shared.window), maxWait = 100 } = options
  return Object.freeze({
    ...shared,
    order: 'partition',
    maxEvents: wholeNumber('consumeBatches.maxEvents', maxEvents, { min: 1, max: shared.window }),
    maxWait: wholeNumber('consumeBatches.maxWait', maxWait, { min: 0, max: 600_000 }),
  })
}

function sharedSettings(
  topics: string | readonly string[],
  options: SharedOptions<never>,
): Omit<ConsumeSettings, 'order' | 'maxEvents' | 'maxWait'> {
  const group = text('consume.group', options.group)
  const reading = streamSettings(topics, {
    ...Object.fromEntries(
      READING.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
    ),
    group,
  })
  return {
    reading,
    group,
    concurrency: wholeNumber('consume.concurrency', options.concurrency ?? 16, { min: 1 }),
    window: wholeNumber('consume.window', options.window ?? 10_000, { min: 1 }),
    windowBytes: 64 * MiB,
    retry: retrySettings(options.retry),
    timeout: wholeNumber('consume.timeout', options.timeout ?? 60_000, { min: 1, max: 86_400_000 }),
    deadLetter: deadLetterOf(options.deadLetter),
    afterDead: oneOf('consume.afterDead', options.afterDead ?? 'continue', ['continue', 'follow']),
    onBroken: brokenPolicyOf(options),
    ...inboxSettings(options),
  }
}

function deadLetterOf(deadLetter: unknown): ConsumeSettings['deadLetter'] {
  if (deadLetter === undefined) return null
  knownOptions('consume.deadLetter', deadLetter, ['topic'])
  const { topic } = deadLetter as { topic?: unknown }
  return { topic: topic === undefined ? null : text('consume.deadLetter.topic', topic) }
}

function brokenPolicyOf({
  onBroken = 'stop',
  deadLetter,
}: SharedOptions<never>): ConsumeSettings['onBroken'] {
  if (typeof onBroken === 'function') return onBroken
  const policy = oneOf('consume.onBroken', onBroken, ['stop', 'deadLetter', 'deliver'])
  if (policy === 'deadLetter' && deadLetter === undefined)
    throw new OptionError('consume.onBroken', policy, 'that only with the option deadLetter')
  return policy
}

function inboxSettings({
  inbox,
  inboxKey,
  replay,
  seek = false,
}: SharedOptions<never>): Pick<ConsumeSettings, 'inboxKey' | 'replay'> {
  if (inboxKey !== undefined && typeof inboxKey !== 'function')
    throw new OptionError('consume.inboxKey', inboxKey, 'a function that gives a UUID')
  const isReplay = inbox !== undefined && flag('consume.seek', seek)
  if (isReplay !== (replay !== undefined)) {
    const takes = isReplay
      ? "'again' or 'missing', where seek meets an inbox: is it to swallow what was handled before?"
      : 'nothing without seek and an inbox'
    throw new OptionError('consume.replay', replay, takes)
  }
  return {
    inboxKey: inboxKey ?? null,
    replay: oneOf('consume.replay', replay ?? 'missing', ['again', 'missing']),
  }
}

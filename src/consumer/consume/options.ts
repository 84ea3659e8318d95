import { OptionError } from '../../core/errors.ts'
import type { Inbox } from '../../core/inbox.ts'
import type { OutboxStore } from '../../core/outbox-store.ts'
import { knownOptions, oneOf, text, wholeNumber } from '../../core/options.ts'
import { type OnBroken, onBrokenOf } from '../broken.ts'
import { deadLetterTopic } from '../dead-letters.ts'
import {
  DAY_MS,
  type ReadingOptions,
  type ReadingSettings,
  readingSettings,
} from '../reading/reading-options.ts'
import type { ReceivedEvent } from '../received-event.ts'
import { afterDeadOf, deadLetterOf } from './dead-letter-options.ts'
import type { Order } from './partition-work.ts'
import { type RetryOptions, type RetrySettings, retrySettings } from './retry.ts'

const MiB = 1024 * 1024

interface SharedOptions<Tx> extends Omit<ReadingOptions, 'commit'> {
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
  /**
   * What becomes of a record that no codec reads: `stop` ends the consumer before it with a
   * `BrokenRecordError`; `deliver` gives it to the handler with `broken` and its bytes;
   * `deadLetter` puts it there; a function says one of these or `'skip'`, or reads it.
   * @defaultValue `'stop'`
   */
  readonly onBroken?: OnBroken
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

/** Whose dead letters are published again. */
export type RepublishOptions = Pick<ConsumeOptions<never>, 'group' | 'deadLetter' | 'signal'>

export interface ConsumeSettings {
  readonly reading: ReadingSettings
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
  readonly onBroken: OnBroken
}

const SHARED = [
  'group',
  'from',
  'seek',
  'commitInterval',
  'drainTimeout',
  'sessionTimeout',
  'signal',
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
/** What only a stream takes, and why a handler needs none of it. */
const OF_STREAMS: Readonly<Record<string, string>> = {
  commit: 'nothing: what is handled is committed every commitInterval, and window bounds the rest',
  ack: 'nothing: an event is handled when its handler has ended well',
  backpressure: 'nothing: fetching stops while concurrency and window are used up',
}

/** The options with their defaults. Throws an `OptionError` that names the wrong one. */
export function consumeSettings(
  topics: string | readonly string[],
  options: ConsumeOptions<never>,
  call: string = 'consume',
): ConsumeSettings {
  const shared = sharedSettings(call, topics, options, ['order'])
  const order = oneOf(`${call}.order`, options.order ?? 'key', ['key', 'partition', 'none'])
  return Object.freeze({ ...shared, order, maxEvents: 1, maxWait: 0 })
}

/**
 * To run a group's handler over its dead letters: as another group, one for each topic, as several
 * may share a topic of dead letters. The handler's inbox stays.
 */
export function redriveSettings(topic: string, options: ConsumeOptions<never>): ConsumeSettings {
  return lettersSettings('redrive', topic, options)
}

/** As `redriveSettings`, and with its marks. */
export function republishSettings(topic: string, options: RepublishOptions): ConsumeSettings {
  knownOptions('republish', options, ['group', 'deadLetter', 'signal'])
  return lettersSettings('republish', topic, options)
}

function lettersSettings(
  call: string,
  topic: string,
  options: ConsumeOptions<never>,
): ConsumeSettings {
  const { group, deadLetter } = consumeSettings(topic, options, call)
  const dead = deadLetter?.topic ?? deadLetterTopic(topic, group)
  // `from` says where the group begins, in its topic; all of its dead letters are meant here.
  const start = options.seek === true ? {} : ({ from: 'earliest' } as const)
  const settings = consumeSettings(dead, { ...options, ...start, deadLetter: {} }, call)
  return Object.freeze({
    ...settings,
    deadLetter: { topic: dead },
    reading: Object.freeze({ ...settings.reading, group: `${group}.redrive.${topic}` }),
  })
}

/** The options with their defaults. Throws an `OptionError` that names the wrong one. */
export function batchSettings(
  topics: string | readonly string[],
  options: ConsumeBatchesOptions<never>,
): ConsumeSettings {
  const call = 'consumeBatches'
  const shared = sharedSettings(call, topics, options, ['maxEvents', 'maxWait'])
  const { maxEvents = Math.min(100, shared.window), maxWait = 100 } = options
  return Object.freeze({
    ...shared,
    order: 'partition',
    maxEvents: wholeNumber(`${call}.maxEvents`, maxEvents, { min: 1, max: shared.window }),
    maxWait: wholeNumber(`${call}.maxWait`, maxWait, { min: 0, max: 600_000 }),
  })
}

function sharedSettings(
  call: string,
  topics: string | readonly string[],
  options: SharedOptions<never>,
  own: readonly string[],
): Omit<ConsumeSettings, 'order' | 'maxEvents' | 'maxWait'> {
  refuseOfStreams(call, options)
  knownOptions(call, options, [...SHARED, ...own])
  const { concurrency = 16, window = 10_000, timeout = 60_000 } = options
  const group = groupOf(call, options.group)
  const reading = readingSettings(call, topics, { ...options, group })
  return {
    reading: Object.freeze(reading),
    group,
    concurrency: wholeNumber(`${call}.concurrency`, concurrency, { min: 1 }),
    window: wholeNumber(`${call}.window`, window, { min: 1 }),
    windowBytes: 64 * MiB,
    retry: retrySettings(call, options.retry),
    timeout: wholeNumber(`${call}.timeout`, timeout, { min: 1, max: DAY_MS }),
    deadLetter: deadLetterOf(call, options.deadLetter, reading.topics),
    afterDead: afterDeadOf(call, options),
    onBroken: brokenOf(call, options),
    ...inboxSettings(call, options),
  }
}

function refuseOfStreams(call: string, options: unknown): void {
  if (typeof options !== 'object' || options === null) return
  for (const [name, value] of Object.entries(options)) {
    const takes = OF_STREAMS[name]
    if (takes !== undefined) throw new OptionError(`${call}.${name}`, value, takes)
  }
}

function groupOf(call: string, group: unknown): string {
  if (group !== undefined) return text(`${call}.group`, group)
  throw new OptionError(`${call}.group`, group, 'the name of the consumer group')
}

function brokenOf(call: string, { onBroken, deadLetter }: SharedOptions<never>): OnBroken {
  const policy = onBrokenOf(call, onBroken)
  if (policy === 'deadLetter' && deadLetter === undefined)
    throw new OptionError(`${call}.onBroken`, policy, 'that only with the option deadLetter')
  return policy
}

function inboxSettings(
  call: string,
  { inbox, inboxKey, replay, seek = false }: SharedOptions<never>,
): Pick<ConsumeSettings, 'inboxKey' | 'replay'> {
  if (inboxKey !== undefined && typeof inboxKey !== 'function')
    throw new OptionError(`${call}.inboxKey`, inboxKey, 'a function that gives a UUID')
  if (inboxKey !== undefined && inbox === undefined)
    throw new OptionError(`${call}.inboxKey`, inboxKey, 'that only with the option inbox')
  const isReplay = inbox !== undefined && seek
  if (isReplay !== (replay !== undefined)) {
    const takes = isReplay
      ? "'again' or 'missing', where seek meets an inbox: is it to swallow what was handled before?"
      : 'nothing without seek and an inbox'
    throw new OptionError(`${call}.replay`, replay, takes)
  }
  return {
    inboxKey: inboxKey ?? null,
    replay: oneOf(`${call}.replay`, replay ?? 'missing', ['again', 'missing']),
  }
}

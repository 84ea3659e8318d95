import { type Clock, systemClock } from '../../core/clock.ts'
import { flag, knownOptions, oneOf, requireMethods, text, wholeNumber } from '../../core/options.ts'

export interface LocalOptions {
  /**
   * The file that holds the log. Programs that name the same file, on one machine, share it as they
   * would share a broker. One that is frozen while it writes keeps the file locked until it goes on
   * or is killed: for the others the broker is away. @defaultValue none: in memory, as long as this
   * object lives
   */
  readonly file?: string
  /** Of a topic that is made on its first use. @defaultValue 4 */
  readonly partitions?: number
  /** Topics are made on their first use. Otherwise only by `createTopic`. @defaultValue true */
  readonly autoCreateTopics?: boolean
  /** Most records kept in each partition: older ones are forgotten. @defaultValue all are kept */
  readonly retainRecords?: number
  /**
   * `exactly-once`: a batch becomes visible as a whole, and a relay that was taken for dead is shut
   * out. `at-least-once`: visible as soon as it is written, and nothing is fenced, like a broker
   * without transactions. @defaultValue 'exactly-once'
   */
  readonly guarantee?: 'exactly-once' | 'at-least-once'
  /** Most bytes of one record, as on Kafka. @defaultValue 1_000_000 */
  readonly maxRecordBytes?: number
  /**
   * `full` survives a power loss; `normal` survives a killed process and may lose the last commits
   * in a power loss. Only with `file`. @defaultValue 'full'
   */
  readonly synchronous?: 'full' | 'normal'
  /** Time as the broker sees it, for tests. @defaultValue the system's */
  readonly clock?: Clock
}

/** All options, with their defaults applied. */
export interface LocalSettings {
  readonly file: string | null
  readonly partitions: number
  readonly autoCreateTopics: boolean
  /** `null`: all. */
  readonly retainRecords: number | null
  readonly guarantee: 'exactly-once' | 'at-least-once'
  readonly maxRecordBytes: number
  readonly synchronous: 'full' | 'normal'
  readonly clock: Clock
}

const NAMES: readonly (keyof LocalOptions)[] = [
  'file',
  'partitions',
  'autoCreateTopics',
  'retainRecords',
  'guarantee',
  'maxRecordBytes',
  'synchronous',
  'clock',
]

export const MOST_PARTITIONS = 1_000

/** Checks the options and applies the defaults. Throws an `OptionError`. */
export function readLocalOptions(options: LocalOptions): LocalSettings {
  knownOptions('local', options, NAMES)
  const clock = options.clock ?? systemClock
  requireMethods('local.clock', clock, ['now', 'monotonic', 'sleep'], 'a Clock')
  return Object.freeze({
    file: options.file === undefined ? null : text('local.file', options.file),
    partitions: wholeNumber('local.partitions', options.partitions ?? 4, {
      min: 1,
      max: MOST_PARTITIONS,
    }),
    autoCreateTopics: flag('local.autoCreateTopics', options.autoCreateTopics ?? true),
    retainRecords:
      options.retainRecords === undefined
        ? null
        : wholeNumber('local.retainRecords', options.retainRecords, { min: 1 }),
    guarantee: oneOf('local.guarantee', options.guarantee ?? 'exactly-once', [
      'exactly-once',
      'at-least-once',
    ]),
    maxRecordBytes: wholeNumber('local.maxRecordBytes', options.maxRecordBytes ?? 1_000_000, {
      min: 1_000,
      max: 500_000_000,
    }),
    synchronous: oneOf('local.synchronous', options.synchronous ?? 'full', ['full', 'normal']),
    clock,
  })
}

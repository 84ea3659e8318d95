import { OptionError } from '../../core/errors.ts'
import {
  type Backpressure,
  type BackpressureSettings,
  backpressureOf,
  givesUp,
} from './backpressure.ts'
import { type OnBroken, onBrokenOf } from '../broken.ts'
import { knownOptions, oneOf } from '../../core/options.ts'
import {
  type ReadingOptions,
  type ReadingSettings,
  readingSettings,
} from '../reading/reading-options.ts'

export interface StreamOptions extends ReadingOptions {
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
}

export interface StreamSettings extends ReadingSettings {
  readonly ack: 'loop' | 'manual'
  readonly backpressure: BackpressureSettings
  readonly onBroken: OnBroken
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
  const backpressure = backpressureOf(options.backpressure)
  const reading = readingSettings('stream', topics, {
    ...options,
    ...(givesUp(backpressure) ? { startsAt: 'latest' } : {}),
  })
  refuseWithoutGroup(reading.group, options)
  return Object.freeze({
    ...reading,
    backpressure,
    onBroken: onBrokenOf('stream', options.onBroken),
    ack: oneOf('stream.ack', options.ack ?? 'loop', ['loop', 'manual']),
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

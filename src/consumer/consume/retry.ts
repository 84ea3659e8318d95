import { OptionError } from '../../core/errors.ts'
import { knownOptions, wholeNumber } from '../../core/options.ts'
import { DAY_MS } from '../reading/reading-options.ts'

export interface RetryOptions {
  /**
   * How often an event is tried before it is a dead letter or, where there is no `deadLetter`,
   * before the consumer says `blocked` and goes on trying. @defaultValue 5
   */
  readonly attempts?: number
  readonly backoff?: {
    /** The wait after the first failure, in milliseconds. @defaultValue 100 */
    readonly first?: number
    /** How much longer each wait is than the one before. @defaultValue 2 */
    readonly factor?: number
    /** The longest wait, in milliseconds. @defaultValue 30000 */
    readonly max?: number
    /** The part of a wait that is random, 0 to 1. @defaultValue 0.2 */
    readonly jitter?: number
  }
}

export interface RetrySettings {
  readonly attempts: number
  /** The wait after so many failures, in milliseconds. */
  readonly waitMs: (failures: number) => number
}

export function retrySettings(call: string, options: RetryOptions = {}): RetrySettings {
  knownOptions(`${call}.retry`, options, ['attempts', 'backoff'])
  const { backoff = {} } = options
  const name = `${call}.retry.backoff`
  knownOptions(name, backoff, ['first', 'factor', 'max', 'jitter'])
  const first = wholeNumber(`${name}.first`, backoff.first ?? 100, { min: 0, max: DAY_MS })
  const max = wholeNumber(`${name}.max`, backoff.max ?? 30_000, { min: 0, max: DAY_MS })
  const factor = within(`${name}.factor`, backoff.factor ?? 2, { min: 1, max: 100 })
  const jitter = within(`${name}.jitter`, backoff.jitter ?? 0.2, { min: 0, max: 1 })
  return Object.freeze({
    attempts: wholeNumber(`${call}.retry.attempts`, options.attempts ?? 5, { min: 1 }),
    waitMs: (failures: number) => {
      const base = Math.min(max, first * factor ** Math.min(failures - 1, 100))
      return Math.min(max, base * (1 + jitter * (2 * Math.random() - 1)))
    },
  })
}

function within(
  option: string,
  value: unknown,
  { min, max }: { min: number; max: number },
): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  throw new OptionError(option, value, `a number from ${min} to ${max}`)
}

import { OptionError } from './errors.ts'

interface NumberRule {
  readonly min: number
  readonly max?: number
}

/** `value` if it is a whole number within the rule. Throws an `OptionError` otherwise. */
export function wholeNumber(option: string, value: unknown, rule: NumberRule): number {
  const max = rule.max ?? Number.MAX_SAFE_INTEGER
  if (Number.isSafeInteger(value) && (value as number) >= rule.min && (value as number) <= max)
    return value as number
  const range =
    rule.max === undefined ? `of at least ${rule.min}` : `from ${rule.min} to ${rule.max}`
  throw new OptionError(option, value, `a whole number ${range}`)
}

/** `value` if it is one of `choices`. Throws an `OptionError` otherwise. */
export function oneOf<T extends string>(option: string, value: unknown, choices: readonly T[]): T {
  if ((choices as readonly unknown[]).includes(value)) return value as T
  throw new OptionError(option, value, choices.map((choice) => `'${choice}'`).join(' or '))
}

/** `value` if it is a text that is not empty. Throws an `OptionError` otherwise. */
export function text(option: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new OptionError(option, value, 'a text that is not empty')
}

/** `value` if it is `true` or `false`. Throws an `OptionError` otherwise. */
export function flag(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new OptionError(option, value, 'true or false')
}

/**
 * Throws an `OptionError` where `options` is no object or has a name that isn't known:
 * a misspelt option would otherwise be a default in silence.
 */
export function knownOptions(owner: string, options: unknown, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new OptionError(owner, options, 'an object of options')
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown === undefined) return
  throw new OptionError(
    `${owner}.${unknown}`,
    (options as Record<string, unknown>)[unknown],
    `nothing: there is no such option, only ${names.join(', ')}`,
  )
}

/** Throws an `OptionError` where `value` is no object with all of `methods`. */
export function requireMethods(
  option: string,
  value: unknown,
  methods: readonly string[],
  takes: string,
): void {
  const missing = methods.find(
    (method) =>
      typeof (value as Record<string, unknown> | null | undefined)?.[method] !== 'function',
  )
  if (missing !== undefined) throw new OptionError(option, value, takes)
}

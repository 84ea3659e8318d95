import { OptionError } from '../core/errors.ts'
import { knownOptions, wholeNumber } from '../core/options.ts'
import { RefusalPolicies, type RefusalOptions } from './refusal-policy.ts'

export interface RelayOptions {
  /** Most events of one batch. @defaultValue 1000 */
  readonly batchSize?: number
  /** Most bytes of one batch; a single event may have more. @defaultValue 8 MiB */
  readonly batchBytes?: number
  /** How often an idle relay looks for events that nobody announced. @defaultValue 1000 */
  readonly pollIntervalMs?: number
  /** A relay that has not renewed for so long is dead: others take its lanes. @defaultValue 15000 */
  readonly ttlMs?: number
  /** Relays of one outbox that work at once; more stand by. @defaultValue 4 */
  readonly maxRelays?: number
  /** How long a stop waits for what is in hand. @defaultValue 25000 */
  readonly stopTimeoutMs?: number
  /** Published events are forgotten after so long; `Infinity` keeps them. @defaultValue 604800 (7 days) */
  readonly retentionSeconds?: number
  /** What becomes of events that can't be published. */
  readonly refusals?: RefusalOptions
}

export type RelaySettings = Required<Omit<RelayOptions, 'refusals'>> & {
  readonly refusals: RefusalPolicies
}

const DEFAULTS: Required<Omit<RelayOptions, 'refusals'>> = {
  batchSize: 1000,
  batchBytes: 8 * 1024 * 1024,
  pollIntervalMs: 1000,
  ttlMs: 15_000,
  maxRelays: 4,
  stopTimeoutMs: 25_000,
  retentionSeconds: 7 * 24 * 3600,
}

/** The options with their defaults. Throws an `OptionError` that names the wrong one. */
export function relaySettings(options: RelayOptions = {}): RelaySettings {
  knownOptions('relay', options, [...Object.keys(DEFAULTS), 'refusals'])
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as RelayOptions
  const refusals = new RefusalPolicies(given.refusals)
  const settings = { ...DEFAULTS, ...given, refusals }
  wholeNumber('relay.batchSize', settings.batchSize, { min: 1, max: 10_000 })
  wholeNumber('relay.batchBytes', settings.batchBytes, { min: 1, max: 256 * 1024 * 1024 })
  wholeNumber('relay.pollIntervalMs', settings.pollIntervalMs, { min: 1, max: 60_000 })
  wholeNumber('relay.ttlMs', settings.ttlMs, { min: 1000, max: 300_000 })
  wholeNumber('relay.maxRelays', settings.maxRelays, { min: 1, max: 64 })
  wholeNumber('relay.stopTimeoutMs', settings.stopTimeoutMs, { min: 0, max: 600_000 })
  if (settings.retentionSeconds !== Number.POSITIVE_INFINITY) {
    if (typeof settings.retentionSeconds !== 'number' || !(settings.retentionSeconds > 0)) {
      throw new OptionError(
        'relay.retentionSeconds',
        settings.retentionSeconds,
        'a number above 0, or Infinity',
      )
    }
  }
  return Object.freeze(settings)
}

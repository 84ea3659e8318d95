import { OptionError } from '../core/errors.ts'
import { flag, knownOptions } from '../core/options.ts'
import type { OperatorFilter } from '../core/outbox-operations.ts'
import { isUuid } from '../core/uuid.ts'

/** Which dead letters or blocked keys are meant: those that meet all conditions. */
export interface OperationsFilter extends OperatorFilter {
  /** Instead of any condition, to act on everything. @defaultValue false */
  readonly all?: boolean
}

const NAMES = ['uuids', 'topic', 'key', 'error', 'from', 'to', 'all']

/** The conditions of a filter. Throws an `OptionError` where one is not what it should be. */
export function conditionsOf(filter: OperationsFilter): OperatorFilter {
  knownOptions('filter', filter, NAMES)
  const { uuids, all, ...others } = filter
  flag('filter.all', all ?? false)
  for (const name of ['topic', 'key', 'error'] as const) {
    const value: unknown = others[name]
    if (value !== undefined && (typeof value !== 'string' || value.includes('\0')))
      throw new OptionError(`filter.${name}`, value, 'a text without a NUL character')
  }
  for (const name of ['from', 'to'] as const) {
    const value: unknown = others[name]
    if (value !== undefined && !(value instanceof Date && isInRange(value)))
      throw new OptionError(`filter.${name}`, value, 'a Date of the years 1 to 9999')
  }
  return { ...others, ...(uuids === undefined ? {} : { uuids: uuidsOf(uuids) }) }
}

/** The same, to act on: of all only where that is said. */
export function conditionsToActOn(filter: OperationsFilter): OperatorFilter {
  const conditions = conditionsOf(filter)
  const some = Object.values(conditions).some((value) => value !== undefined)
  if (some === (filter.all ?? false))
    throw new OptionError('filter', filter, 'at least one condition, or all: true alone')
  return conditions
}

export function uuidsOf(uuids: unknown): readonly string[] {
  if (!Array.isArray(uuids) || !uuids.every(isUuid))
    throw new OptionError('filter.uuids', uuids, 'an array of uuids')
  return [...new Set(uuids.map((uuid) => uuid.toLowerCase()))]
}

function isInRange(date: Date): boolean {
  const year = date.getUTCFullYear()
  return year >= 1 && year <= 9999
}

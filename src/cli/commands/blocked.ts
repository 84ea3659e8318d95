import { OptionError } from '../../core/errors.ts'
import type { BlockedKeyInfo, HeldEventInfo } from '../../operations/blocked-keys.ts'
import type { OperationsFilter } from '../../operations/filters.ts'
import type { Operations } from '../../operations/operations.ts'
import { keyOf } from '../dead-text.ts'
import { escaped, word } from '../event-line.ts'
import { EXIT } from '../exit-codes.ts'
import {
  acting,
  type ActFlags,
  dryRun,
  type FilterFlags,
  filterFrom,
  operating,
  resultOf,
} from '../operating.ts'
import type { Terminal } from '../terminal.ts'

export interface BlockedDiscardFlags extends ActFlags {
  readonly head?: boolean
}

const SHOWN_EVENTS = 20

/** `oncommit blocked list`: which keys wait, for what, since when. */
export function blockedList(flags: FilterFlags, terminal: Terminal): Promise<number> {
  return operating(flags, terminal, async (operations) => {
    const keys = await keysOf(operations, filterFrom(flags))
    if (flags.json === true) terminal.result(JSON.stringify({ keys }))
    else {
      terminal.result(`${keys.length} blocked`)
      for (const key of keys) terminal.result(`  ${keyAsLine(key)}`)
    }
    return EXIT.done
  })
}

/** `oncommit blocked show`: what waits, and the first events that do. */
export function blockedShow(
  uuids: readonly string[],
  flags: FilterFlags,
  terminal: Terminal,
): Promise<number> {
  const filter = filterFrom(flags, uuids)
  return operating(flags, terminal, async (operations) => {
    const keys = await keysOf(operations, filter)
    const events = await operations.held(filter, SHOWN_EVENTS)
    if (flags.json === true) terminal.result(JSON.stringify({ keys, events }))
    else {
      for (const key of keys) terminal.result(keyAsLine(key))
      for (const event of events) terminal.result(`  ${eventAsLine(event)}`)
      if (keys.length === 0) terminal.note('nothing of that is blocked')
    }
    return keys.length === 0 ? EXIT.notFound : EXIT.done
  })
}

/** `oncommit blocked release`: says what it would do, and does it with `--yes`. */
export function blockedRelease(
  uuids: readonly string[],
  flags: ActFlags,
  terminal: Terminal,
): Promise<number> {
  const filter = filterFrom(flags, uuids)
  return operating(flags, terminal, async (operations) => {
    if (flags.yes !== true)
      return wouldDo(operations, { filter, flags, terminal, what: 'would go on, heads first' })
    const result = await acting(flags, terminal, (options) => operations.release(filter, options))
    return resultOf(result, { verb: 'released', terminal, flags })
  })
}

/** `oncommit blocked discard`: heads of keys, or held events by uuid; with `--yes`. */
export function blockedDiscard(
  uuids: readonly string[],
  flags: BlockedDiscardFlags,
  terminal: Terminal,
): Promise<number> {
  const filter = filterFrom(flags, uuids)
  if (flags.head === true) return discardHeads(filter, flags, terminal)
  if (uuids.length === 0 || Object.keys(filter).length > 1)
    throw new OptionError('--head', flags.head, 'that the heads are meant, or uuids alone')
  return operating(flags, terminal, async (operations) => {
    if (flags.yes === true) {
      const result = await acting(flags, terminal, (options) =>
        operations.discardHeld(uuids, options),
      )
      return resultOf(result, { verb: 'discarded', terminal, flags })
    }
    const held = await operations.whichAreHeld(uuids)
    if (flags.json === true) terminal.result(JSON.stringify({ held }))
    else terminal.result(`${held.length} held events would be gone for good: their keys have gaps`)
    return dryRun(held.length, { uuids, terminal, flags })
  })
}

function discardHeads(
  filter: OperationsFilter,
  flags: ActFlags,
  terminal: Terminal,
): Promise<number> {
  return operating(flags, terminal, async (operations) => {
    if (flags.yes !== true)
      return wouldDo(operations, {
        filter,
        flags,
        terminal,
        what: 'would lose their heads for good, and go on',
      })
    const result = await acting(flags, terminal, (options) =>
      operations.discardHeads(filter, options),
    )
    return resultOf(result, { verb: 'heads discarded', terminal, flags })
  })
}

interface DryRun {
  readonly filter: OperationsFilter
  readonly flags: ActFlags
  readonly terminal: Terminal
  readonly what: string
}

async function wouldDo(
  operations: Operations,
  { filter, flags, terminal, what }: DryRun,
): Promise<number> {
  const keys = (await keysOf(operations, filter)).filter(
    ({ state, isTopic }) => state !== 'draining' && !isTopic,
  )
  if (flags.json === true) terminal.result(JSON.stringify({ keys }))
  else {
    terminal.result(`${keys.length} keys and events without a key ${what}`)
    for (const key of keys.slice(0, SHOWN_EVENTS)) terminal.result(`  ${keyAsLine(key)}`)
    if (keys.length > SHOWN_EVENTS) terminal.result(`  … ${keys.length - SHOWN_EVENTS} more`)
  }
  return dryRun(keys.length, { terminal, flags })
}

async function keysOf(
  operations: Operations,
  filter: OperationsFilter,
): Promise<readonly BlockedKeyInfo[]> {
  const keys: BlockedKeyInfo[] = []
  for await (const key of operations.blockedKeys(filter)) keys.push(key)
  return keys
}

function keyAsLine(one: BlockedKeyInfo): string {
  const { topic, key, state, head, attempts, since, retryAt, held, error, isTopic } = one
  const what = isTopic ? '(the topic)' : keyOf(key)
  const by = head === null ? '' : `  by ${head}`
  const next = state === 'retrying' && retryAt !== null ? `, next try ${retryAt.toISOString()}` : ''
  return `${word(topic)}  ${what}  ${state}${by}  since ${since.toISOString()}  ${attempts} attempts${next}  ${held} held  ${escaped(error)}`
}

function eventAsLine({ uuid, msgType, bytes, storedAt }: HeldEventInfo): string {
  return `${uuid}  ${storedAt.toISOString()}  ${word(msgType)}  ${bytes} bytes`
}

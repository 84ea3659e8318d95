import { userInfo } from 'node:os'

import { EventBus } from '../bus/event-bus.ts'
import { OptionError } from '../core/errors.ts'
import type { DecisionResult } from '../operations/acting.ts'
import type { BulkOptions, BulkProgress, BulkResult } from '../operations/bulk.ts'
import type { OperationsFilter } from '../operations/filters.ts'
import type { Operations } from '../operations/operations.ts'
import { storeFrom } from './connections.ts'
import type { StoreFlags } from './connections.ts'
import { EXIT } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

/** Which dead letters or blocked keys are meant. */
export interface FilterFlags extends StoreFlags {
  readonly topic?: string
  readonly key?: string
  readonly error?: string
  readonly from?: string
  readonly to?: string
  readonly json?: boolean
}

/** To act on them. */
export interface ActFlags extends FilterFlags {
  readonly all?: boolean
  readonly yes?: boolean
  readonly reason?: string
  readonly actor?: string
}

const NOTED_EVERY_MS = 10_000

export function filterFrom(
  flags: FilterFlags & { readonly all?: boolean },
  uuids: readonly string[] = [],
): OperationsFilter {
  const { topic, key, error, from, to, all } = flags
  return {
    ...(topic !== undefined && { topic }),
    ...(key !== undefined && { key }),
    ...(error !== undefined && { error }),
    ...(from !== undefined && { from: timeOf('--from', from) }),
    ...(to !== undefined && { to: timeOf('--to', to) }),
    ...(all !== undefined && { all }),
    ...(uuids.length > 0 && { uuids }),
  }
}

function timeOf(flag: string, text: string): Date {
  const time = new Date(text)
  if (!/^\d{4}-\d\d/.test(text) || Number.isNaN(time.getTime()))
    throw new OptionError(flag, text, 'a time such as 2026-01-31T09:00Z')
  return time
}

/** Opens the store for one command. */
export async function operating(
  flags: StoreFlags,
  terminal: Terminal,
  work: (operations: Operations) => Promise<number>,
): Promise<number> {
  await using bus = new EventBus({ store: storeFrom(flags, terminal.environment) })
  return await work(bus.operations)
}

/** Says who acts and why, stops at SIGINT or SIGTERM behind the chunk in hand, and tells of progress. */
export async function acting<T extends BulkResult>(
  flags: ActFlags,
  terminal: Terminal,
  act: (options: BulkOptions) => Promise<T>,
): Promise<T> {
  if (flags.reason === undefined || flags.reason === '')
    throw new OptionError('--reason', flags.reason, 'why, for the audit')
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  try {
    return await act({
      actor: flags.actor ?? userInfo().username,
      reason: flags.reason,
      signal: stopping.signal,
      onProgress: progressTo(terminal, flags.json === true),
    })
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

function progressTo(terminal: Terminal, json: boolean): (progress: BulkProgress) => void {
  let noted = performance.now()
  return (progress) => {
    if (json) return terminal.result(JSON.stringify({ progress }))
    if (performance.now() - noted < NOTED_EVERY_MS) return
    noted = performance.now()
    terminal.note(`${progress.done} done, ${progress.already} decided by others`)
  }
}

/** A dry run ends here: nothing was changed. Nothing of `uuids` is not found, nothing of a filter is done. */
export function dryRun(
  count: number,
  {
    uuids = [],
    terminal,
    flags,
  }: { uuids?: readonly string[]; terminal: Terminal; flags: ActFlags },
): number {
  if (count === 0) return uuids.length > 0 ? EXIT.notFound : EXIT.done
  if (flags.json !== true) terminal.result('nothing changed: run it with --yes --reason <why>')
  return EXIT.refused
}

/** What an action came to, for people or as JSON, and the exit code for it. */
export function resultOf(
  result: BulkResult & Partial<Pick<DecisionResult, 'before' | 'missing'>>,
  { verb, terminal, flags }: { verb: string; terminal: Terminal; flags: ActFlags },
): number {
  const { done, already, before = [], missing = [], aborted, bulk } = result
  if (flags.json === true) terminal.result(JSON.stringify(result))
  else {
    const others = already === 0 ? '' : `, ${already} decided by others meanwhile`
    terminal.result(`${done} ${verb}${others}${done === 0 ? '' : `   audit ${bulk}`}`)
    for (const { uuid, action, at, actor } of before)
      terminal.result(`already decided: ${uuid} ${action} ${at.toISOString()} by ${actor}`)
    for (const uuid of missing) terminal.result(`not found: ${uuid}`)
  }
  if (aborted) return EXIT.interrupted
  if (missing.length === 0) return EXIT.done
  return done === 0 ? EXIT.notFound : EXIT.failed
}

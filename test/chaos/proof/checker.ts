import { checkMarks } from './check-marks.ts'
import { checkOrder } from './check-order.ts'
import type { Entry, Faulting, Handling, Reading } from './history.ts'
import { Ledger } from './ledger.ts'

/** A broken promise, with the fewest entries of the history that show it. */
export interface Finding {
  readonly kind: 'loss' | 'duplicate' | 'order' | 'ghost' | 'mark' | 'bytes'
  readonly says: string
  readonly history: readonly Entry[]
}

export interface Promises {
  /** How many records may come again after a fault. 0 where the guarantee is exactly once. */
  readonly mayRepeat: number
}

/**
 * Judges the six promises by what each client saw, and knows nothing of how they are kept:
 * everything that committed is in its topic, once, unchanged, or visibly blocked; nothing else is; of two events of a
 * topic and key the one whose commit had returned before the other's send began comes first, as
 * does the earlier one of a transaction; and no mark passes an event that is not handled.
 */
export function check(entries: readonly Entry[], promises: Promises): Finding[] {
  const ledger = new Ledger(entries)
  const faults = entries.filter(({ what }) => what === 'fault') as Faulting[]
  const first = new Map<string, Reading>()
  const again: [Reading, Reading][] = []
  const strangers: Reading[] = []
  for (const reading of ledger.readings) {
    const before = first.get(reading.uuid)
    if (before !== undefined) again.push([before, reading])
    else first.set(reading.uuid, reading)
    if (ledger.sendingOf(reading.uuid) === undefined) strangers.push(reading)
  }
  return [
    ...checkLoss(ledger, first),
    ...checkRepeats(again, faults, promises.mayRepeat),
    ...checkGhosts(ledger, strangers, first),
    ...checkOrder(ledger),
    ...checkMarks(ledger, entries),
    ...[...ledger.readings, ...ledger.handlings].flatMap((seen) => checkBytes(ledger, seen)),
  ]
}

/** A page for the one who looks for the cause: how many of each kind, and the shortest of each. */
export function describe(findings: readonly Finding[]): string {
  const kinds = Map.groupBy(findings, ({ kind }) => kind)
  return [...kinds]
    .map(([kind, found]) => {
      const [shortest] = found.toSorted((a, b) => a.history.length - b.history.length)
      const lines = shortest?.history.toSorted((a, b) => a.at - b.at).map((e) => JSON.stringify(e))
      return `${kind}: ${found.length}, for example ${shortest?.says}\n  ${lines?.join('\n  ')}`
    })
    .join('\n')
}

function checkLoss(ledger: Ledger, read: ReadonlyMap<string, Reading>): Finding[] {
  return ledger.sendings.flatMap((sending) => {
    const ending = ledger.endingOf(sending)
    if (ending?.what !== 'commit' || read.has(sending.uuid)) return []
    if (ledger.blocked.has(sending.uuid)) return []
    const says = `${sending.uuid} was committed and is neither in ${sending.topic} nor blocked`
    return [{ kind: 'loss' as const, says, history: [sending, ending] }]
  })
}

/**
 * After each fault so many records may come again. The younger of the two counts: what a frozen
 * relay sends late has an old time.
 */
function checkRepeats(
  again: readonly (readonly [Reading, Reading])[],
  faults: readonly Faulting[],
  mayRepeat: number,
): Finding[] {
  const ascending = faults.toSorted((a, b) => a.at - b.at)
  const repeats = new Map<Faulting | undefined, number>()
  return again.flatMap(([one, other]) => {
    const at = Math.max(one.at, other.at)
    const fault = ascending.findLast((candidate) => candidate.at <= at)
    const count = (repeats.get(fault) ?? 0) + 1
    repeats.set(fault, count)
    if (fault !== undefined && count <= mayRepeat) return []
    const says = `${one.uuid} is in ${one.topic} twice`
    return [{ kind: 'duplicate' as const, says, history: [...(fault ? [fault] : []), one, other] }]
  })
}

function checkGhosts(
  ledger: Ledger,
  strangers: readonly Reading[],
  read: ReadonlyMap<string, Reading>,
): Finding[] {
  const neverSent = strangers.map((reading) => {
    const says = `${reading.uuid} is in ${reading.topic} and was never sent`
    return { kind: 'ghost' as const, says, history: [reading] }
  })
  const rolledBack = ledger.sendings.flatMap((sending) => {
    const reading = read.get(sending.uuid)
    const ending = ledger.endingOf(sending)
    if (reading === undefined || ending?.what !== 'rollback') return []
    const says = `${sending.uuid} was rolled back and is in ${reading.topic}`
    return [{ kind: 'ghost' as const, says, history: [sending, ending, reading] }]
  })
  return [...neverSent, ...rolledBack]
}

function checkBytes(ledger: Ledger, seen: Reading | Handling): Finding[] {
  const sending = ledger.sendingOf(seen.uuid)
  if (sending === undefined) return []
  const changed = (['topic', 'key', 'hash'] as const).filter((name) => sending[name] !== seen[name])
  if (changed.length === 0) return []
  const says = `the ${changed.join(' and ')} of ${seen.uuid} changed on its way`
  return [{ kind: 'bytes', says, history: [sending, seen] }]
}

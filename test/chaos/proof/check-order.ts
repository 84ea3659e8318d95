import type { Finding } from './checker.ts'
import type { Blocking, Ending, Handling, Reading, Sending } from './history.ts'
import type { Ledger } from './ledger.ts'

/** An event where it was first seen, with what its sender knows. */
interface Seen {
  readonly sending: Sending
  readonly ending: Ending | undefined
  readonly where: Reading | Handling | Blocking
}

/**
 * In the topic, and in what each group handled: what comes again counts where it first came. What is
 * blocked comes after all else: a younger event of its key must not have passed it.
 */
export function checkOrder(ledger: Ledger): Finding[] {
  const groups = Map.groupBy(ledger.handlings, ({ group }) => group)
  const topics = [...ledger.readings, ...ledger.blocked.values()]
  return [topics, ...groups.values()].flatMap((sequence) => {
    const met = new Set<string>()
    const first: Seen[] = []
    for (const where of sequence) {
      const sending = ledger.sendingOf(where.uuid)
      if (sending === undefined || sending.key === null || met.has(where.uuid)) continue
      met.add(where.uuid)
      first.push({ sending, ending: ledger.endingOf(sending), where })
    }
    const keys = Map.groupBy(first, ({ sending }) => JSON.stringify([sending.topic, sending.key]))
    return [...keys.values()].flatMap(inversions)
  })
}

/**
 * Walks one key from its end: of all that came later, the one that committed first, and of each
 * transaction the earliest, are enough to know whether anything should have come sooner.
 */
function inversions(seen: readonly Seen[]): Finding[] {
  const found: Finding[] = []
  const earliest = new Map<string, Seen>()
  let committedFirst: (Seen & { readonly ending: Ending }) | undefined
  for (const event of seen.toReversed()) {
    const { sending, ending } = event
    const sibling = earliest.get(sending.transaction)
    if (sibling === undefined || sibling.sending.place > sending.place) {
      earliest.set(sending.transaction, event)
    }
    if (committedFirst !== undefined && committedFirst.ending.at < sending.at) {
      found.push(inversion(committedFirst, event, [committedFirst.ending]))
    } else if (sibling !== undefined && sibling.sending.place < sending.place) {
      found.push(inversion(sibling, event, []))
    }
    if (ending?.what === 'commit' && !(committedFirst && committedFirst.ending.at <= ending.at)) {
      committedFirst = { ...event, ending }
    }
  }
  return found
}

function inversion(sooner: Seen, later: Seen, between: readonly Ending[]): Finding {
  const { key, topic } = sooner.sending
  const says = `of the key ${key} of ${topic}, ${later.sending.uuid} came before ${sooner.sending.uuid}`
  const history = [sooner.sending, ...between, later.sending, later.where, sooner.where]
  return { kind: 'order', says, history }
}

import type { Finding } from './checker.ts'
import type { Entry, Handling, Marking } from './history.ts'
import type { Ledger } from './ledger.ts'

/** The first mark that passes an event comes after a member of the group is through with it. */
export function checkMarks(ledger: Ledger, entries: readonly Entry[]): Finding[] {
  const handled = new Map<string, Handling>()
  for (const handling of ledger.handlings) {
    const name = `${handling.group} ${placeOf(handling)}`
    if (!handled.has(name)) handled.set(name, handling)
  }
  const readings = Map.groupBy(ledger.readings, partitionOf)
  const marks = entries.filter((entry) => entry.what === 'mark')
  const byReader = Map.groupBy(marks, (mark) => `${mark.group} ${partitionOf(mark)}`)
  return [...byReader.values()].flatMap((ofReader) => {
    const rising = onlyRising(ofReader)
    const partition = ofReader[0] === undefined ? '' : partitionOf(ofReader[0])
    let next = 0
    return (readings.get(partition) ?? []).flatMap((record): Finding[] => {
      // Records and marks both rise: the one that passes a record is not before those of the ones below it.
      while ((rising[next]?.offset ?? Infinity) <= record.offset) next += 1
      const passes = rising[next]
      if (passes === undefined) return []
      const handling = handled.get(`${passes.group} ${placeOf(record)}`)
      if (handling !== undefined && handling.at <= passes.at) return []
      const says = `${passes.group} marked ${placeOf(record)} as handled before it was`
      const history = [record, passes, ...(handling === undefined ? [] : [handling])]
      return [{ kind: 'mark', says, history }]
    })
  })
}

/** By time, those that pass more than all before them. */
function onlyRising(marks: readonly Marking[]): Marking[] {
  let highest = -1
  return marks
    .toSorted((a, b) => a.at - b.at)
    .filter(({ offset }) => {
      if (offset <= highest) return false
      highest = offset
      return true
    })
}

function partitionOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`
}

function placeOf(place: { topic: string; partition: number; offset: number }): string {
  return `${partitionOf(place)}@${place.offset}`
}

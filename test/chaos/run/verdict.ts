import { existsSync } from 'node:fs'
import { readTopic } from '../../servers/index.ts'
import { type Finding, check } from '../proof/checker.ts'
import { type Entry, type Reading, atWallClock, hashOf, readNotebook } from '../proof/history.ts'
import type { Ground } from './ground.ts'

/** What Kafka's own consumer sees of the topics, committed records only. */
export async function readWitness(
  kafka: Ground['witness']['kafka'],
  topics: readonly string[],
): Promise<Reading[]> {
  const readings: Reading[] = []
  for (const topic of topics) {
    for (const record of await readTopic(kafka, topic, { timeoutMs: 60_000 })) {
      const { partition, offset, key, value, headers, timestamp } = record
      const uuid = String(headers.find(([name]) => name === 'ce_id')?.[1])
      readings.push({
        what: 'read',
        at: atWallClock(timestamp),
        client: 'witness',
        topic,
        partition,
        offset,
        uuid,
        key: key === null ? null : String(key),
        hash: hashOf(value),
      })
    }
  }
  return readings
}

export function readNotebooks(paths: readonly string[]): Entry[] {
  const entries: Entry[] = []
  // A client that has noted nothing has no notebook.
  for (const path of paths.filter((one) => existsSync(one)))
    for (const entry of readNotebook(path)) entries.push(entry)
  return entries
}

/** What each group has not handled of what is in the topics. */
export function notHandled(
  entries: readonly Entry[],
  readings: readonly Reading[],
  groups: readonly string[],
): { readonly group: string; readonly reading: Reading }[] {
  const handled = new Map(groups.map((group) => [group, new Set<string>()]))
  for (const entry of entries)
    if (entry.what === 'handled') handled.get(entry.group)?.add(entry.uuid)
  return groups.flatMap((group) =>
    readings
      .filter(({ uuid }) => handled.get(group)?.has(uuid) !== true)
      .map((reading) => {
        return { group, reading }
      }),
  )
}

/** The promises by the names that the documentation has for them. */
const PROMISES: Record<Finding['kind'], string> = {
  loss: 'Delivered',
  duplicate: 'Once',
  order: 'Ordered',
  ghost: 'Atomic',
  mark: 'Handled',
  bytes: 'Faithful',
}

export interface Violation {
  readonly promise: string
  readonly text: string
}

export function violationsOf(entries: readonly Entry[], mayRepeat: number): Violation[] {
  return check(entries, { mayRepeat }).map(({ kind, says, history }) => {
    const lines = history.toSorted((a, b) => a.at - b.at).map((entry) => JSON.stringify(entry))
    return { promise: PROMISES[kind], text: [`${kind}: ${says}`, ...lines].join('\n  ') }
  })
}

export function countsOf(entries: readonly Entry[]): Record<string, number> {
  const sends = new Map<string, number>()
  const counts = { committed: 0, 'rolled back': 0, unknown: 0, published: 0, handled: 0 }
  for (const entry of entries) {
    if (entry.what === 'send') sends.set(entry.transaction, (sends.get(entry.transaction) ?? 0) + 1)
  }
  const uuids = new Set<string>()
  let marks = 0
  let blocked = 0
  let repeated = 0
  for (const entry of entries) {
    if (entry.what === 'commit') counts.committed += sends.get(entry.transaction) ?? 0
    if (entry.what === 'rollback') counts['rolled back'] += sends.get(entry.transaction) ?? 0
    if (entry.what === 'unknown') counts.unknown += sends.get(entry.transaction) ?? 0
    if (entry.what === 'read') counts.published += 1
    if (entry.what === 'read' && uuids.has(entry.uuid)) repeated += 1
    if (entry.what === 'read') uuids.add(entry.uuid)
    if (entry.what === 'handled') counts.handled += 1
    if (entry.what === 'mark') marks += 1
    if (entry.what === 'blocked') blocked += 1
  }
  return { ...counts, repeated, blocked, marks }
}

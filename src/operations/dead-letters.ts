import type { DeadLetter, OperatorFilter, OutboxOperations } from '../core/outbox-operations.ts'
import { fingerprint } from '../core/fingerprint.ts'
import { keyName, type KeyOfLetters, type NewerEvents, newerEvents } from './newer-events.ts'

/** An event that is not published any more, unless someone requeues it. */
export type DeadLetterInfo = Omit<DeadLetter, 'id'>

/** Dead letters of a topic whose errors differ by numbers and uuids only. */
export interface DeadGroup {
  readonly topic: string
  /** Numbers and uuids are `*`: a filter by this error finds the group. */
  readonly error: string
  readonly letters: number
  /** How many keys they have, those without a key left out. */
  readonly keys: number
  readonly first: Date
  readonly last: Date
}

/** What requeueing would do. */
export interface RequeuePreview {
  /** Give it to `requeue`, to requeue these and no others. */
  readonly upTo: Date
  readonly letters: number
  /** Of these: without a key, and so without an order. */
  readonly keyless: number
  readonly keys: number
  /** When the first one died. */
  readonly oldest: Date | null
  /** Keys that have published events which were sent after their dead letters: requeued, the letters come behind these. */
  readonly newer: {
    readonly keys: number
    readonly events: number
    /** `false` where the time to look was over: there may be more. */
    readonly complete: boolean
    readonly first: readonly NewerEvents[]
  }
  /** How many letters would be requeued without those keys. */
  readonly inOrder: number
}

const PAGE = 500
const SHOWN_KEYS = 20

export async function* lettersOf(
  operations: OutboxOperations,
  filter: OperatorFilter,
  upTo: Date,
): AsyncGenerator<DeadLetter, void> {
  for (let after: bigint | null = 0n; after !== null;) {
    const page: Awaited<ReturnType<OutboxOperations['deadLetters']>> = await operations.deadLetters(
      { filter, upTo, after, limit: PAGE },
    )
    yield* page.items
    after = page.next
  }
}

/** The largest groups first. */
export async function deadGroups(
  operations: OutboxOperations,
  filter: OperatorFilter,
): Promise<readonly DeadGroup[]> {
  const groups = new Map<string, Omit<DeadGroup, 'keys'> & { keys: Set<string> }>()
  for await (const letter of lettersOf(operations, filter, await operations.now())) {
    const { topic, key, diedAt } = letter
    const error = fingerprint(letter.error)
    const name = `${topic}\0${error}`
    const group = groups.get(name)
    const keys = group?.keys ?? new Set()
    if (key !== null) keys.add(key)
    groups.set(name, {
      topic,
      error,
      letters: (group?.letters ?? 0) + 1,
      keys,
      first: group !== undefined && group.first < diedAt ? group.first : diedAt,
      last: group !== undefined && group.last > diedAt ? group.last : diedAt,
    })
  }
  return [...groups.values()]
    .map(({ topic, error, letters, keys, first, last }) => ({
      topic,
      error,
      letters,
      keys: keys.size,
      first,
      last,
    }))
    .toSorted((a, b) => b.letters - a.letters)
}

export async function previewRequeue(
  operations: OutboxOperations,
  filter: OperatorFilter,
  { searchMs }: { searchMs: number },
): Promise<RequeuePreview> {
  const upTo = await operations.now()
  let [letters, keyless, oldest] = [0, 0, null as Date | null]
  const keys = new Map<string, KeyOfLetters>()
  for await (const letter of lettersOf(operations, filter, upTo)) {
    letters++
    if (oldest === null || letter.diedAt < oldest) oldest = letter.diedAt
    if (letter.key === null) keyless++
    else addTo(keys, letter)
  }
  const { newer, complete } = await newerEvents(operations, keys, { searchMs })
  const outOfOrder = newer.reduce((sum, one) => sum + one.letters, 0)
  return {
    upTo,
    letters,
    keyless,
    keys: keys.size,
    oldest,
    newer: {
      keys: newer.length,
      events: newer.reduce((sum, one) => sum + one.newer, 0),
      complete,
      first: newer.slice(0, SHOWN_KEYS),
    },
    inOrder: letters - outOfOrder,
  }
}

/** The keys whose letters would come behind events that were sent after them; looks until it knows. */
export async function keysOutOfOrder(
  operations: OutboxOperations,
  filter: OperatorFilter,
  { upTo, signal }: { upTo: Date; signal: AbortSignal | undefined },
): Promise<ReadonlySet<string>> {
  const keys = new Map<string, KeyOfLetters>()
  for await (const letter of lettersOf(operations, filter, upTo))
    if (letter.key !== null) addTo(keys, letter)
  const { newer } = await newerEvents(operations, keys, { searchMs: Infinity, signal })
  return new Set(newer.map((one) => keyName(one)))
}

function addTo(keys: Map<string, KeyOfLetters>, letter: DeadLetter): void {
  const { topic, id, key } = letter
  const known = keys.get(keyName(letter))
  keys.set(keyName(letter), {
    topic,
    key: key ?? '',
    first: known?.first ?? id,
    letters: (known?.letters ?? 0) + 1,
  })
}

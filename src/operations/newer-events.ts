import type { OutboxOperations, Page, PublishedEvent } from '../core/outbox-operations.ts'

/** A key of dead letters, and how many there are. */
export interface KeyOfLetters {
  readonly topic: string
  readonly key: string
  /** The first of them. */
  readonly first: bigint
  readonly letters: number
}

/** A key that has published events which were sent after the first of its dead letters. */
export interface NewerEvents {
  readonly topic: string
  readonly key: string
  readonly letters: number
  /** Published events. */
  readonly newer: number
  /** The uuids of the first ones. */
  readonly uuids: readonly string[]
}

const SHOWN_UUIDS = 3
const PAGE = 5_000

/** One name for a key of a topic: topics have no NUL character. */
export function keyName({ topic, key }: { topic: string; key: string | null }): string {
  return `${topic}\0${key}`
}

/**
 * Reads through the events behind the first dead letter, since there is no index of keys; until a
 * time is over or a signal says so, and then it is not `complete`.
 */
export async function newerEvents(
  operations: OutboxOperations,
  keys: ReadonlyMap<string, KeyOfLetters>,
  { searchMs, signal }: { searchMs: number; signal?: AbortSignal | undefined },
): Promise<{ newer: readonly NewerEvents[]; complete: boolean }> {
  const found = new Map<string, NewerEvents & { uuids: string[]; newer: number }>()
  const deadline = performance.now() + searchMs
  const wanted = [...keys.values()]
  let after = wanted.reduce<bigint | null>(
    (least, { first }) => (least === null || first < least ? first : least),
    null,
  )
  while (after !== null) {
    if (performance.now() > deadline || signal?.aborted === true)
      return { newer: [...found.values()], complete: false }
    const page: Page<PublishedEvent> = await operations.published({
      keys: wanted,
      after,
      limit: PAGE,
    })
    for (const event of page.items) {
      const key = keys.get(keyName(event))
      if (key === undefined || event.id < key.first) continue
      const { topic, letters } = key
      const one = found.get(keyName(event)) ?? { topic, key: key.key, letters, newer: 0, uuids: [] }
      one.newer++
      if (one.uuids.length < SHOWN_UUIDS) one.uuids.push(event.uuid)
      found.set(keyName(event), one)
    }
    after = page.next
  }
  return { newer: [...found.values()], complete: true }
}

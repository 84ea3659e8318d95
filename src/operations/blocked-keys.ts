import type {
  BlockedKey,
  HeldEvent,
  OperatorFilter,
  OutboxOperations,
  Page,
} from '../core/outbox-operations.ts'

/** A key, a keyless event or a topic of a lane that waits. */
export interface BlockedKeyInfo extends Omit<BlockedKey, 'id' | 'lane' | 'head'> {
  /** The uuid of the event that was refused, or else of the first one that is held; `null` where none is. */
  readonly head: string | null
}

/** An event that waits with its key. */
export interface HeldEventInfo extends Omit<HeldEvent, 'id'> {
  readonly topic: string
  readonly key: string | null
}

const PAGE = 500

export async function* blockedOf(
  operations: OutboxOperations,
  filter: OperatorFilter,
): AsyncGenerator<BlockedKey, void> {
  const upTo = await operations.now()
  for (let after: bigint | null = 0n; after !== null;) {
    const page: Page<BlockedKey> = await operations.blockedKeys({
      filter,
      upTo,
      after,
      limit: PAGE,
    })
    yield* page.items
    after = page.next
  }
}

export function shown(one: BlockedKey): BlockedKeyInfo {
  const { topic, key, state, error, attempts, since, retryAt, isTopic, head, held } = one
  const uuid = head?.uuid ?? null
  return { topic, key, state, error, attempts, since, retryAt, isTopic, head: uuid, held }
}

/** The first events that blocked keys hold. */
export async function heldOf(
  operations: OutboxOperations,
  filter: OperatorFilter,
  limit: number,
): Promise<readonly HeldEventInfo[]> {
  const found: HeldEventInfo[] = []
  for await (const { id: entry, topic, key } of blockedOf(operations, filter)) {
    const events = await operations.held(entry, limit - found.length)
    for (const { id: _, ...event } of events) found.push({ ...event, topic, key })
    if (found.length >= limit) break
  }
  return found
}

/** Can be released, and its head discarded: not what drains, nor a topic, which waits for the broker. */
export function isDecidable({ state, isTopic }: BlockedKey): boolean {
  return state !== 'draining' && !isTopic
}

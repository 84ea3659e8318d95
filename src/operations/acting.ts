import type {
  BlockedKey,
  DeadLetter,
  OperatorFilter,
  OutboxOperations,
} from '../core/outbox-operations.ts'
import { type Decision, decisions } from './audit.ts'
import { isDecidable } from './blocked-keys.ts'
import { type BulkOptions, type BulkResult, runBulk } from './bulk.ts'
import { keysOutOfOrder } from './dead-letters.ts'
import { keyName } from './newer-events.ts'

export interface RequeueOptions extends BulkOptions {
  /** Leaves out keys that have published events which were sent after their dead letters. @defaultValue false */
  readonly onlyInOrder?: boolean
}

/** What became of an action on events. */
export interface DecisionResult extends BulkResult {
  /** Of the uuids of the filter: not found, since they were decided about before. */
  readonly before: readonly Decision[]
  /** Of the uuids of the filter: neither found, nor ever decided about. */
  readonly missing: readonly string[]
}

export interface RequeueResult extends DecisionResult {
  /** Of `done`: they wait with a key that is blocked or retrying. */
  readonly waiting: number
}

export async function requeueLetters(
  operations: OutboxOperations,
  filter: OperatorFilter,
  options: RequeueOptions,
): Promise<RequeueResult> {
  const { onlyInOrder = false, signal } = options
  const upTo = options.upTo ?? (await operations.now())
  const left = onlyInOrder
    ? await keysOutOfOrder(operations, filter, { upTo, signal })
    : new Set<string>()
  let waiting = 0
  const letters = lettersToActOn(operations, filter, upTo)
  const result = await runBulk(
    {
      ...letters,
      filter: onlyInOrder ? { ...filter, onlyInOrder } : filter,
      except: (letter) => left.has(keyName(letter)),
      act: async (chunk) => {
        const requeued = await operations.requeue({ ...chunk, upTo })
        waiting += requeued.waiting
        return requeued
      },
    },
    options,
  )
  return { ...result, ...(await decisions(operations, letters.unseen())), waiting }
}

export async function discardLetters(
  operations: OutboxOperations,
  filter: OperatorFilter,
  options: BulkOptions,
): Promise<DecisionResult> {
  const upTo = options.upTo ?? (await operations.now())
  const letters = lettersToActOn(operations, filter, upTo)
  const act = (chunk: Parameters<OutboxOperations['discardHeld']>[0]): Promise<{ done: number }> =>
    operations.discardDead({ ...chunk, upTo })
  const result = await runBulk({ ...letters, filter, act }, options)
  return { ...result, ...(await decisions(operations, letters.unseen())) }
}

type Pages<T> = (
  after: bigint,
  limit: number,
) => Promise<{ items: readonly T[]; next: bigint | null }>

/** Pages of dead letters, and which uuids of the filter they have not had. */
function lettersToActOn(
  operations: OutboxOperations,
  filter: OperatorFilter,
  upTo: Date,
): { page: Pages<DeadLetter>; unseen: () => readonly string[] } {
  const unseen = new Set(filter.uuids)
  return {
    page: async (after, limit) => {
      const found = await operations.deadLetters({ filter, upTo, after, limit })
      for (const { uuid } of found.items) unseen.delete(uuid)
      return found
    },
    unseen: () => [...unseen],
  }
}

export async function releaseKeys(
  operations: OutboxOperations,
  filter: OperatorFilter,
  options: BulkOptions,
): Promise<BulkResult> {
  const upTo = options.upTo ?? (await operations.now())
  return runBulk<BlockedKey>(
    {
      filter,
      page: (after, limit) => operations.blockedKeys({ filter, upTo, after, limit }),
      except: (one) => !isDecidable(one),
      act: (chunk) => operations.release(chunk),
    },
    options,
  )
}

export async function discardHeads(
  operations: OutboxOperations,
  filter: OperatorFilter,
  options: BulkOptions,
): Promise<BulkResult> {
  const upTo = options.upTo ?? (await operations.now())
  const heads = new Map<bigint, bigint>()
  return runBulk<BlockedKey>(
    {
      filter: { ...filter, head: true },
      page: async (after, limit) => {
        const found = await operations.blockedKeys({ filter, upTo, after, limit })
        for (const { id, head } of found.items) if (head !== null) heads.set(id, head.id)
        return found
      },
      except: (one) => !isDecidable(one) || one.head === null,
      act: ({ ids, note }) =>
        operations.discardHeld({ ids: ids.flatMap((id) => heads.get(id) ?? []), note }),
    },
    options,
  )
}

/** Discards events that are held, by uuids that were found and by all that were asked for. */
export async function discardHeldEvents(
  operations: OutboxOperations,
  { found, uuids }: { found: ReadonlyMap<string, bigint>; uuids: readonly string[] },
  options: BulkOptions,
): Promise<DecisionResult> {
  const items = [...found.values()].map((id) => ({ id }))
  const result = await runBulk(
    {
      filter: { uuids },
      page: async () => Promise.resolve({ items, next: null }),
      act: (chunk) => operations.discardHeld(chunk),
    },
    options,
  )
  const unseen = uuids.filter((uuid) => !found.has(uuid))
  return { ...result, ...(await decisions(operations, unseen)) }
}

import { randomUUID } from 'node:crypto'

import { OptionError } from '../core/errors.ts'
import { knownOptions, text, wholeNumber } from '../core/options.ts'
import type { AuditNote, ChunkOf, Done, Page } from '../core/outbox-operations.ts'

/** Who acts, why, and how. */
export interface BulkOptions {
  /** Who acts: for the audit. */
  readonly actor: string
  /** Why: for the audit. */
  readonly reason: string
  /** Only what was there by this time, to the millisecond. @defaultValue now */
  readonly upTo?: Date
  /** Stops it behind the chunk that is under way. */
  readonly signal?: AbortSignal
  /** How many one transaction acts on. @defaultValue 500 */
  readonly chunk?: number
  /** Called behind each chunk. */
  readonly onProgress?: (progress: BulkProgress) => void
}

export interface BulkProgress {
  /** How many the filter has found. */
  readonly matched: number
  /** How many of these were acted on. */
  readonly done: number
  /** How many someone else had decided about in between. */
  readonly already: number
}

export interface BulkResult extends BulkProgress {
  /** What its entries in the audit have in common. */
  readonly bulk: string
  /** It was stopped: there may be more. */
  readonly aborted: boolean
}

const NAMES = ['actor', 'reason', 'upTo', 'signal', 'chunk', 'onProgress']

export function checkBulkOptions(options: BulkOptions, more: readonly string[] = []): void {
  knownOptions('options', options, [...NAMES, ...more])
  text('options.actor', options.actor)
  text('options.reason', options.reason)
  wholeNumber('options.chunk', options.chunk ?? 1, { min: 1, max: 10_000 })
  const { upTo } = options
  if (upTo !== undefined && !(upTo instanceof Date && Number.isFinite(upTo.getTime())))
    throw new OptionError('options.upTo', upTo, 'a Date')
}

interface Bulk<T> {
  /** For the audit. */
  readonly filter: object
  /** What is acted on, from an id on. */
  readonly page: (after: bigint, limit: number) => Promise<Page<T>>
  /** What of it is left out, and counted nowhere. @defaultValue nothing */
  readonly except?: (item: T) => boolean
  readonly act: (chunk: ChunkOf) => Promise<Done>
}

const CHUNK = 500

/**
 * Acts on everything that the pages have, chunk by chunk. Each chunk stands for itself: what is done
 * is done, and in the audit, whatever becomes of this process; to do it again does the rest.
 */
export async function runBulk<T extends { readonly id: bigint }>(
  { filter, page, except = () => false, act }: Bulk<T>,
  options: BulkOptions,
): Promise<BulkResult> {
  const { actor, reason, signal, chunk = CHUNK, onProgress } = options
  const note: AuditNote = { bulk: randomUUID(), actor, reason, filter }
  let [matched, done] = [0, 0]
  for (let after: bigint | null = 0n; after !== null;) {
    if (signal?.aborted === true)
      return { bulk: note.bulk, ...counts(matched, done), aborted: true }
    const { items, next }: Page<T> = await page(after, chunk)
    const ids = items.filter((item) => !except(item)).map(({ id }) => id)
    if (ids.length > 0) {
      matched += ids.length
      done += (await act({ ids, note })).done
      onProgress?.(counts(matched, done))
    }
    after = next
  }
  return { bulk: note.bulk, ...counts(matched, done), aborted: false }
}

function counts(matched: number, done: number): BulkProgress {
  return { matched, done, already: matched - done }
}

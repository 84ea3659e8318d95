import { createHash } from 'node:crypto'

import { systemClock } from './clock.ts'
import { OptionError } from './errors.ts'
import { text, wholeNumber } from './options.ts'
import { isUuid } from './uuid.ts'

/**
 * What is done once, in the transaction that notes it. An interface and no function type, by which
 * the compiler lets `Tx` be narrower than what the store takes: the driver's own type.
 */
export interface InboxWork<Tx> {
  (tx: Tx, fresh: ReadonlySet<string>): Promise<void>
  readonly name?: string
}

/** Lets an event have its effects once per group, in one transaction with them. */
export interface Inbox<Tx = unknown> {
  /**
   * Begins a transaction, notes which of `uuids` are new for `group`, runs `work` with the
   * transaction and the new ones, in the letters in which they were given (not at all where none is
   * new), and commits. Gives the new ones. Another call with one of them, here or in another
   * process, waits for this one and then skips it. `tx` is good until `work` has ended: what is
   * executed on it later is a `TransactionError`, and so is a statement that would begin or end a
   * transaction on it. Where a statement of `work` failed and PostgreSQL can't commit any more, it rejects, even if `work` caught the error.
   *
   * Where `work` throws, everything is rolled back and it rejects with that very error, also where
   * that is a `StoreError` (of `send`, say): `===` tells. Where the database is away, its own
   * `StoreError` takes the place of what `work` threw on it. A serialisation failure is tried
   * again, `work` too; one that does not cure itself is a `StoreError`. After a `StoreError` the
   * outcome may be unknown: the same call again finds out. `work` never runs beside itself: nothing
   * settles before it has ended.
   */
  once(group: string, uuids: readonly string[], work: InboxWork<Tx>): Promise<ReadonlySet<string>>

  /**
   * Forgets what was handled longer ago than `retentionMs`, of all groups; at most one process at a
   * time, in chunks of 1,000 and a tenth of the time, so that nobody notices. Gives how many. An
   * event that comes again after that is new. `signal` ends it after the chunk in hand.
   * @defaultValue `retentionMs` the store's `inboxRetentionSeconds`
   */
  clean(retentionMs?: number, options?: { readonly signal?: AbortSignal }): Promise<number>
}

/** What an event is known by. */
export interface InboxOrigin {
  /** Ours, the same however often it is published. */
  readonly uuid: string | undefined
  /** The CloudEvents attributes of a foreign event, which together are unique. */
  readonly source?: string | undefined
  readonly id?: string | undefined
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** A topic that was made anew has the same offsets again, and other times. */
  readonly publishedAt: Date
}

/**
 * The uuid under which an inbox notes an event: its own; one made of `source` and `id` where it has
 * none; with neither, one made of its place in the log, by which a copy that is published again is
 * another event.
 */
export function inboxUuid(event: InboxOrigin): string {
  const { uuid, source, id = uuid } = event
  if (isUuid(uuid)) return uuid
  if (source !== undefined && id !== undefined) return hashedUuid(['event', source, id])
  const { topic, partition, offset, publishedAt } = event
  return hashedUuid(['place', topic, partition, String(offset), publishedAt.getTime()])
}

/** A UUIDv8 (RFC 9562, section 5.8) of the beginning of a SHA-256. */
function hashedUuid(name: readonly (string | number)[]): string {
  const hash = createHash('sha256').update(JSON.stringify(name)).digest()
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/**
 * The uuids of a call as stores keep them: each once, in small letters, and in one order, so that
 * no two calls wait for each other. Throws an `OptionError` where the call can't be noted.
 */
export function notedUuids(group: string, uuids: readonly string[]): readonly string[] {
  if (text('group', group).includes('\0') || !group.isWellFormed())
    throw new OptionError('group', group, 'a text without NUL characters and lone surrogates')
  const wrong = uuids.find((uuid) => !isUuid(uuid))
  if (wrong !== undefined) throw new OptionError('uuids', wrong, 'UUIDs')
  return [...new Set(uuids.map((uuid) => uuid.toLowerCase()))].toSorted()
}

/** Which of `uuids`, as they were given, are among those that a store has just noted. */
export function freshUuids(
  uuids: readonly string[],
  noted: ReadonlySet<string>,
): ReadonlySet<string> {
  return new Set(uuids.filter((uuid) => noted.has(uuid.toLowerCase())))
}

const RETENTION_SECONDS = 7 * 24 * 3600

/** The option `inboxRetentionSeconds` of a store in milliseconds. Throws an `OptionError`. */
export function inboxRetentionMs(option: string, seconds: unknown = RETENTION_SECONDS): number {
  if (typeof seconds === 'number' && seconds > 0) return Math.ceil(seconds * 1_000)
  throw new OptionError(option, seconds, 'a number above 0, or Infinity')
}

/** What an inbox is told to keep: `null` where that is everything. Throws an `OptionError`. */
export function keptMs(given: number | undefined, own: number): number | null {
  if (given === undefined && own === Infinity) return null
  return wholeNumber('retentionMs', given ?? own, { min: 0 })
}

const LONGEST_PAUSE_MS = 1_000

/** Cleans chunk by chunk, a tenth of the time, until one is the last or `signal` aborts. */
export async function cleanInChunks(
  cleanChunk: () => Promise<{ readonly deleted: number; readonly more: boolean }>,
  signal?: AbortSignal,
): Promise<number> {
  for (let total = 0; ;) {
    if (signal?.aborted === true) return total
    const began = systemClock.monotonic()
    const { deleted, more } = await cleanChunk()
    total += deleted
    if (!more) return total
    const pauseMs = 9 * (systemClock.monotonic() - began)
    await systemClock.sleep(Math.min(LONGEST_PAUSE_MS, pauseMs), signal)
  }
}

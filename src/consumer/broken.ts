import type { DecodedEvent, LogRecord } from '../core/codec.ts'
import { BrokenRecordError, OptionError } from '../core/errors.ts'
import { oneOf } from '../core/options.ts'
import type { Counting } from './counts.ts'
import type { Patience } from './patience.ts'

/** A record that no codec reads, as it is in the log. */
export interface BrokenRecord extends LogRecord {
  readonly topic: string
  readonly partition: number
  /** What the codec threw. */
  readonly cause: unknown
}

type BrokenAnswer = 'stop' | 'deliver' | 'deadLetter'
type BrokenVerdict = BrokenAnswer | 'skip' | DecodedEvent

/** What to do with a broken record; a function may also skip it, or read it after all. */
export type OnBroken =
  | BrokenAnswer
  | ((record: BrokenRecord) => BrokenVerdict | Promise<BrokenVerdict>)

/** Resolves when all replicas have the dead letter. */
export type DeadLetter = (record: BrokenRecord, reason: unknown) => Promise<void>

/** What to hand out in a broken record's place. */
export interface Mended {
  readonly decoded: DecodedEvent
  readonly broken?: Broken
}

/** Why an event is broken, and the bytes that an event has no place for. */
export interface Broken {
  /** What the codec threw. */
  readonly cause: unknown
  readonly key: Buffer | null
}

export interface BrokenRecordsParts {
  readonly onBroken: OnBroken
  readonly deadLetter: DeadLetter | undefined
  readonly patience: Patience
  readonly counts: Counting
}

const ANSWERS: readonly BrokenAnswer[] = ['stop', 'deliver', 'deadLetter']
const VERDICTS = [...ANSWERS, 'skip'] as const

/** Decides what becomes of records that no codec reads. A tombstone is not one: it has nothing to read. */
export class BrokenRecords {
  readonly #parts: BrokenRecordsParts

  constructor(parts: BrokenRecordsParts) {
    this.#parts = parts
  }

  /**
   * What is handed out in its place; `null` where it is passed over: skipped, or a dead letter that
   * the broker has. Rejects with the `BrokenRecordError` where it stops the stream, with whatever
   * the function throws, and with the reason why it can't become a dead letter.
   */
  async settle(record: BrokenRecord, signal: AbortSignal): Promise<Mended | null> {
    const { onBroken, counts } = this.#parts
    counts.broken += 1
    const verdict = typeof onBroken === 'function' ? await onBroken(record) : onBroken
    if (typeof verdict === 'object' && verdict !== null) return { decoded: verdict }
    switch (oneOf('stream.onBroken', verdict, VERDICTS)) {
      case 'skip':
        counts.skipped += 1
        return null
      case 'deliver':
        return asItIs(record)
      case 'deadLetter':
        await this.#bury(record, signal)
        counts.deadLettered += 1
        return null
      case 'stop':
      default:
        throw new BrokenRecordError(record, { cause: record.cause })
    }
  }

  async #bury(record: BrokenRecord, signal: AbortSignal): Promise<void> {
    const { deadLetter, patience } = this.#parts
    if (deadLetter === undefined) throw withoutDeadLetters('deadLetter')
    await patience.ask({ asking: 'reading', signal }, () => deadLetter(record, record.cause))
  }
}

/** The option with its default. */
export function onBrokenOf(onBroken: unknown): OnBroken {
  if (typeof onBroken === 'function') return onBroken as OnBroken
  return oneOf('stream.onBroken', onBroken ?? 'stop', ANSWERS)
}

/** Throws where a dead letter would have nowhere to go. */
export function requireDeadLetters(onBroken: OnBroken, deadLetter: DeadLetter | undefined): void {
  if (onBroken === 'deadLetter' && deadLetter === undefined) throw withoutDeadLetters(onBroken)
}

function withoutDeadLetters(got: unknown): OptionError {
  return new OptionError(
    'stream.onBroken',
    got,
    "'deadLetter' only in a group, on a broker that takes single records",
  )
}

function asItIs({ cause, key, value, headers }: BrokenRecord): Mended {
  return {
    decoded: {
      uuid: undefined,
      timestamp: undefined,
      key: key?.toString() ?? null,
      msgType: '',
      mimeType: 'application/octet-stream',
      headers,
      payload: value,
    },
    broken: { cause, key },
  }
}

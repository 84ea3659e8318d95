import type { DecodedEvent, LogRecord } from '../core/codec.ts'
import { BrokenRecordError } from '../core/errors.ts'
import { oneOf } from '../core/options.ts'

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

/** What becomes of a broken record. */
export type Judgement =
  | ({ readonly state: 'event' } & Mended)
  | { readonly state: 'skip' }
  | { readonly state: 'deadLetter' }
  | { readonly state: 'stop'; readonly error: BrokenRecordError }

const ANSWERS: readonly BrokenAnswer[] = ['stop', 'deliver', 'deadLetter']
const VERDICTS = [...ANSWERS, 'skip'] as const

/** Asks the policy. A tombstone is not broken: it has nothing to read. Throws whatever the function throws. */
export async function judge(onBroken: OnBroken, record: BrokenRecord): Promise<Judgement> {
  const verdict = typeof onBroken === 'function' ? await onBroken(record) : onBroken
  if (typeof verdict === 'object' && verdict !== null) return { state: 'event', decoded: verdict }
  const state = oneOf('onBroken', verdict, VERDICTS)
  if (state === 'deliver') return { state: 'event', ...asItIs(record) }
  if (state === 'stop')
    return { state, error: new BrokenRecordError(record, { cause: record.cause }) }
  return { state }
}

/** The option with its default; `call` is whose it is. */
export function onBrokenOf(call: string, onBroken: unknown): OnBroken {
  if (typeof onBroken === 'function') return onBroken as OnBroken
  return oneOf(`${call}.onBroken`, onBroken ?? 'stop', ANSWERS)
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

import { OptionError } from '../../core/errors.ts'
import { type BrokenRecord, judge, type Mended, type OnBroken } from '../broken.ts'
import type { Counting } from './counts.ts'
import { type Patience, unlessAborted } from '../reading/patience.ts'

/** Resolves when all replicas have the dead letter. */
export type DeadLetter = (record: BrokenRecord, reason: unknown) => Promise<void>

export interface BrokenRecordsParts {
  readonly onBroken: OnBroken
  readonly deadLetter: DeadLetter | undefined
  readonly patience: Patience
  readonly counts: Counting
}

/** Settles a stream's broken records. */
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
    const judgement = await unlessAborted(judge(onBroken, record), signal)
    switch (judgement.state) {
      case 'event':
        return judgement
      case 'skip':
        counts.skipped += 1
        return null
      case 'deadLetter':
        await this.#bury(record, signal)
        counts.deadLettered += 1
        return null
      case 'stop':
      default:
        throw judgement.error
    }
  }

  async #bury(record: BrokenRecord, signal: AbortSignal): Promise<void> {
    const { deadLetter, patience } = this.#parts
    if (deadLetter === undefined) throw withoutDeadLetters('deadLetter')
    await patience.ask({ asking: 'reading', signal }, () => deadLetter(record, record.cause))
  }
}

/** Throws where a dead letter would have nowhere to go. */
export function requireDeadLetters(onBroken: OnBroken, deadLetter: DeadLetter | undefined): void {
  if (onBroken === 'deadLetter' && deadLetter === undefined) throw withoutDeadLetters(onBroken)
}

function withoutDeadLetters(got: unknown): OptionError {
  return new OptionError('stream.onBroken', got, "'deadLetter' only in a group")
}

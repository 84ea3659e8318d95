import type { Mark } from '../../core/log.ts'
import { toBrokerError } from './failures.ts'
import type { GroupContact } from './group-contact.ts'
import { type Ownership, owns } from './ownership.ts'
import { protocolErrors } from './protocol-errors.ts'

/** `again`: not yet, `waited` says when. */
type Refusal = 'expelled' | 'refused' | 'again' | null

export interface CommitLineParts<Owned extends Ownership> {
  readonly contact: GroupContact
  /** What the member holds now. */
  owned(): Owned | null
  send(owned: Owned, marks: readonly Mark[]): Promise<void>
  /** What the protocol says with these errors about the member; `null` where it says nothing. */
  refusal(answered: ReadonlySet<string>): Refusal
  /** Resolves when a commit that was to be sent again may be. */
  again?(owned: Owned, failures: number): Promise<void>
}

/**
 * A member's commits, one in flight. Marks of what the member does not hold, in the generation in
 * which it holds it, are never sent, nor sent again when it holds it no longer.
 */
export class CommitLine<Owned extends Ownership> {
  readonly #parts: CommitLineParts<Owned>
  #committing: Promise<unknown> = Promise.resolve()

  constructor(parts: CommitLineParts<Owned>) {
    this.#parts = parts
  }

  /** `false` where a mark was refused. */
  async commit(marks: readonly Mark[]): Promise<boolean> {
    const sent = this.#committing.then(() => this.#commit(marks))
    // Only the order is kept here: whoever called hears of a failure.
    this.#committing = sent.catch(() => {})
    return sent
  }

  async #commit(marks: readonly Mark[]): Promise<boolean> {
    const { contact } = this.#parts
    for (let failures = 1; ; failures++) {
      const owned = this.#parts.owned()
      const mine = marks.filter((mark) => owns(owned, mark))
      if (owned === null || mine.length === 0) return marks.length === 0
      try {
        await this.#parts.send(owned, mine)
        contact.tellAway(null)
        return mine.length === marks.length
      } catch (error) {
        const refusal = this.#parts.refusal(protocolErrors(error))
        if (refusal === 'expelled') owned.over.abort()
        if (refusal === 'expelled' || refusal === 'refused') return false
        if (refusal === 'again') await this.#parts.again?.(owned, failures)
        else await this.#waitAfter(error, failures, owned.over.signal)
      }
    }
  }

  async #waitAfter(error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const { kind } = toBrokerError(error)
    if (kind === 'topic-unavailable' || kind === 'misconfigured') throw toBrokerError(error)
    await this.#parts.contact.waitAfter(error, failures, signal)
  }
}

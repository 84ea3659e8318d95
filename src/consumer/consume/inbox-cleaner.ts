import type { Clock } from '../../core/clock.ts'
import { reasonOf } from '../../core/errors.ts'
import type { Inbox } from '../../core/inbox.ts'
import type { Logger } from '../../core/logger.ts'

const EVERY_MS = 60_000

export interface InboxCleanerParts {
  readonly inbox: Pick<Inbox, 'clean'>
  readonly clock: Clock
  readonly logger: Logger
  readonly name: string
  /** From 0 to 1. @defaultValue Math.random */
  readonly random?: () => number
}

/**
 * Lets an inbox forget what is older than its retention, about once a minute while a consumer uses
 * it. The inbox sees to it that of all consumers one cleans at a time. What fails is logged once,
 * and tried again.
 */
export class InboxCleaner {
  readonly #parts: InboxCleanerParts
  #isFailing = false

  constructor(parts: InboxCleanerParts) {
    this.#parts = parts
  }

  /** Works until `stopping` aborts, or until the chunk in hand then has ended. Never rejects. */
  async run(stopping: AbortSignal): Promise<void> {
    const { clock, random = Math.random } = this.#parts
    for (;;) {
      // At other times than those who were started together.
      await clock.sleep(EVERY_MS * (0.5 + random()), stopping)
      if (stopping.aborted) return
      await this.#clean(stopping)
    }
  }

  async #clean(stopping: AbortSignal): Promise<void> {
    const { inbox, logger, name } = this.#parts
    try {
      await inbox.clean(undefined, { signal: stopping })
      if (this.#isFailing) logger.info(`oncommit: ${name} cleans its inbox again`)
      this.#isFailing = false
    } catch (error) {
      if (stopping.aborted || this.#isFailing) return
      this.#isFailing = true
      logger.error(`oncommit: ${name} can not clean its inbox: ${reasonOf(error)}`)
    }
  }
}

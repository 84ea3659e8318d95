import { reasonOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'

/** An outage is reported once when it begins, and once when it is over. */
export class Episode {
  readonly #logger: Logger
  readonly #what: string
  #open = false

  constructor(logger: Logger, what: string) {
    this.#logger = logger
    this.#what = what
  }

  get open(): boolean {
    return this.#open
  }

  failing(error: unknown): void {
    if (!this.#open)
      this.#logger.error(`oncommit: ${this.#what} waits for the broker: ${reasonOf(error)}`)
    this.#open = true
  }

  over(): void {
    if (this.#open) this.#logger.info(`oncommit: ${this.#what} goes on`)
    this.#open = false
  }
}

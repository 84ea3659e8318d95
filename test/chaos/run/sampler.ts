import type { Sample } from '../report/run-record.ts'
import type { Cast } from './cast.ts'
import type { OutboxView } from './outbox-view.ts'

/** Counts once a second what the clients say of themselves, and what waits. */
export class Sampler implements Disposable {
  readonly samples: Sample[] = []
  readonly #cast: Cast
  readonly #view: OutboxView
  readonly #at: () => number
  readonly #timer: NodeJS.Timeout
  #isLooking = false

  constructor(cast: Cast, view: OutboxView, at: () => number) {
    this.#cast = cast
    this.#view = view
    this.#at = at
    this.#timer = setInterval(() => void this.#look(), 1_000)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  /** While the database is away nobody knows what waits: there is no sample. */
  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      const backlog = await this.#view.pending()
      const [committed, published] = [this.#cast.total('committed'), this.#cast.total('published')]
      // Each group handles every event.
      const handled = Math.round(this.#cast.total('handled') / this.#cast.groups.length)
      this.samples.push({ at: this.#at(), committed, published, handled, backlog })
    } catch {
      // The next one may succeed.
    } finally {
      this.#isLooking = false
    }
  }
}

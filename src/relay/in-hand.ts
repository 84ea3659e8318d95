import { mergeRanges, toRanges } from '../core/id-ranges.ts'
import type { IdRanges } from '../core/id-ranges.ts'
import type { StoredEvent } from '../core/event.ts'

/** Events that were fetched together and are not all settled or parked. */
export interface Handful {
  readonly ids: IdRanges
  /** Resolves when none of them is in hand any more. Never rejects. */
  readonly done: Promise<void>
}

/** What was fetched and not settled: the next fetch leaves it out. */
export class InHand {
  readonly #handfuls = new Map<Handful, () => void>()

  take(events: readonly StoredEvent[]): Handful {
    const { promise, resolve } = Promise.withResolvers<void>()
    const handful = { ids: toRanges(events.map((event) => event.id)), done: promise }
    this.#handfuls.set(handful, resolve)
    return handful
  }

  release(handful: Handful): void {
    this.#handfuls.get(handful)?.()
    this.#handfuls.delete(handful)
  }

  ids(): IdRanges {
    return mergeRanges([...this.#handfuls.keys()].map((handful) => handful.ids))
  }

  /** Resolves when all that is in hand at this moment is gone from it. */
  async emptied(): Promise<void> {
    await Promise.all([...this.#handfuls.keys()].map((handful) => handful.done))
  }
}

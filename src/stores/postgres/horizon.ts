/** What one look at the database tells about who may still commit ids. */
export interface HorizonCheck {
  /** The highest id that was given out, read before `holders`. */
  readonly assigned: bigint
  /** The transactions that hold a lock of an inserter; those of prepared ones begin with `p`. */
  readonly holders: readonly string[]
  /** Names this run of the server: after a restart holders and ids begin anew. */
  readonly server: string
}

/** Parts of the rule that tests take away, to show that the order test would notice. */
export interface HorizonRule {
  readonly limbo: boolean
  readonly followsPrepared: boolean
}

const EXACT: HorizonRule = { limbo: true, followsPrepared: true }
const NOWHERE = 1n << 63n

/**
 * Decides from which id on the next fetch must look.
 *
 * Ids become visible out of order: a transaction that took id 10 may commit after 500 was
 * fetched, and a later event of its key must not be published before it. Every inserter holds a
 * lock on the table `events` from before it takes an id until it ends, and a transaction is
 * visible before its locks go. So the ids of a transaction that is visible now and was not at
 * the last check are in one of three places:
 * - it was seen holding the lock and is gone: `live` has its lowest possible id;
 * - it ended between the snapshot of the last check and its look at the locks, or came and went
 *   between two checks: its ids are above what was assigned one check earlier, or those of the
 *   last `ended`. Both are `limbo`;
 * - it was absent at the last check and holds on: its ids are above what was assigned then.
 *
 * Check and fetch must be of one REPEATABLE READ snapshot. What ended is scanned again, without
 * the ids in hand. `PREPARE TRANSACTION` renames a holder, and one look at the locks may show it
 * under both names: a new prepared one may have the ids of any that was there at the last check.
 */
export class Horizon {
  readonly #rule: HorizonRule
  readonly #live = new Map<string, bigint>()
  #server: string | undefined
  #cursor = 0n
  #assigned = 0n
  #limbo = NOWHERE

  constructor(rule: HorizonRule = EXACT) {
    this.#rule = rule
  }

  /** Where the fetch must look from unless the check, which comes in the same message, says lower. */
  guess(fromStart: boolean): bigint {
    return this.#server === undefined || fromStart ? 0n : min(this.#cursor + 1n, this.#limbo)
  }

  /** Takes in a check; the first id that the fetch of the same snapshot must look at. */
  observe(check: HorizonCheck, fromStart: boolean): bigint {
    // Sequences are set back by a failover that lost the end of the log.
    if (check.server !== this.#server || check.assigned < this.#assigned) this.forget()
    const first = this.#server === undefined
    this.#server = check.server
    const lowest = this.#lowestLive()
    const ended = this.#dropEnded(new Set(check.holders))
    for (const holder of check.holders) {
      if (!this.#live.has(holder)) this.#live.set(holder, this.#lowestOf(holder, first, lowest))
    }
    const from = first || fromStart ? 0n : min(this.#cursor + 1n, min(ended, this.#limbo))
    if (this.#rule.limbo) this.#limbo = min(ended, this.#assigned + 1n)
    this.#assigned = check.assigned
    return from
  }

  /** Takes in what was fetched: the last id of it, and whether a limit cut it off. */
  advance(last: bigint | undefined, full: boolean): void {
    if (last === undefined) return
    if (full) {
      this.#cursor = last
      if (this.#rule.limbo) this.#limbo = min(this.#limbo, last + 1n)
    } else if (last > this.#cursor) this.#cursor = last
  }

  /** The next fetch looks from the first id on. */
  forget(): void {
    this.#server = undefined
    this.#live.clear()
    this.#cursor = 0n
    this.#assigned = 0n
    this.#limbo = NOWHERE
  }

  #dropEnded(holders: ReadonlySet<string>): bigint {
    let ended = NOWHERE
    for (const [holder, lowest] of this.#live) {
      if (holders.has(holder)) continue
      ended = min(ended, lowest)
      this.#live.delete(holder)
    }
    return ended
  }

  #lowestLive(): bigint {
    let lowest = NOWHERE
    for (const id of this.#live.values()) lowest = min(lowest, id)
    return lowest
  }

  #lowestOf(holder: string, first: boolean, lowestLive: bigint): bigint {
    if (first) return 0n
    const above = this.#assigned + 1n
    return this.#rule.followsPrepared && holder.startsWith('p') ? min(lowestLive, above) : above
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

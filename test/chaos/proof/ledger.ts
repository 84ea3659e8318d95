import type { Blocking, Ending, Entry, Handling, Reading, Sending } from './history.ts'

/** A history, by what one asks of it. */
export class Ledger {
  readonly sendings: readonly Sending[]
  /** In the order of each partition. */
  readonly readings: readonly Reading[]
  /** By time. */
  readonly handlings: readonly Handling[]
  /** By uuid. */
  readonly blocked: ReadonlyMap<string, Blocking>
  readonly #byUuid: ReadonlyMap<string, Sending>
  readonly #endings: ReadonlyMap<string, Ending>

  constructor(entries: readonly Entry[]) {
    this.sendings = entries.filter((entry) => entry.what === 'send')
    this.readings = entries
      .filter((entry) => entry.what === 'read')
      .toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
    this.handlings = entries
      .filter((entry) => entry.what === 'handled')
      .toSorted((a, b) => a.at - b.at)
    const blocked = entries.filter((entry) => entry.what === 'blocked')
    this.blocked = new Map(blocked.map((entry) => [entry.uuid, entry]))
    this.#byUuid = new Map(this.sendings.map((sending) => [sending.uuid, sending]))
    const endings = entries.filter(
      ({ what }) => what === 'commit' || what === 'rollback' || what === 'unknown',
    ) as Ending[]
    this.#endings = new Map(endings.map((ending) => [ending.transaction, ending]))
  }

  sendingOf(uuid: string): Sending | undefined {
    return this.#byUuid.get(uuid)
  }

  endingOf({ transaction }: Sending): Ending | undefined {
    return this.#endings.get(transaction)
  }
}

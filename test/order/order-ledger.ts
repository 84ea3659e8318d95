/** An event as its sender saw it. Moments are counted, not timed: one process sees all of them. */
interface Sent {
  readonly key: string
  /** Its transaction, and its place in it. */
  readonly transaction: number
  readonly place: number
  readonly began: number
  committed: number | undefined
}

/** What went wrong, or nothing. */
export interface OrderReport {
  readonly committed: number
  readonly published: number
  readonly inversions: number
  readonly lost: number
  readonly duplicates: number
  /** Published although rolled back. */
  readonly ghosts: number
  /** The first inversion, for the reader of a failed test. */
  readonly example: string | undefined
}

/**
 * Judges order by what senders saw: of two events of a key, one whose commit had returned before
 * the send of the other began, or that was sent earlier in the same transaction, must be published
 * first.
 */
export class OrderLedger {
  readonly #sent = new Map<string, Sent>()
  /** Of each key: what was sent, not rolled back, and not published. */
  readonly #waiting = new Map<string, Map<string, Sent>>()
  readonly #published = new Set<string>()
  readonly #rolledBack = new Set<string>()
  #moment = 0
  #committed = 0
  #inversions = 0
  #duplicates = 0
  #ghosts = 0
  #example: string | undefined

  get committed(): number {
    return this.#committed
  }

  get published(): number {
    return this.#published.size
  }

  get isViolated(): boolean {
    return this.#inversions + this.#duplicates + this.#ghosts > 0
  }

  /** Right before the call that sends. */
  began(uuid: string, key: string, transaction: number, place: number): void {
    const sent = { key, transaction, place, began: ++this.#moment, committed: undefined }
    this.#sent.set(uuid, sent)
    let waiting = this.#waiting.get(key)
    if (waiting === undefined) this.#waiting.set(key, (waiting = new Map()))
    waiting.set(uuid, sent)
  }

  /** Right after COMMIT has returned. */
  committedAll(uuids: readonly string[]): void {
    const moment = ++this.#moment
    for (const uuid of uuids) {
      const sent = this.#sent.get(uuid)
      if (sent !== undefined) sent.committed = moment
    }
    this.#committed += uuids.length
  }

  /** Right after ROLLBACK, or ROLLBACK TO SAVEPOINT, has returned. */
  rolledBackAll(uuids: readonly string[]): void {
    for (const uuid of uuids) {
      const sent = this.#sent.get(uuid)
      if (sent !== undefined) this.#waiting.get(sent.key)?.delete(uuid)
      this.#rolledBack.add(uuid)
      if (this.#published.has(uuid)) this.#ghosts++
    }
  }

  publish(uuid: string): void {
    if (this.#published.has(uuid)) this.#duplicates++
    this.#published.add(uuid)
    if (this.#rolledBack.has(uuid)) this.#ghosts++
    const event = this.#sent.get(uuid)
    const waiting = event === undefined ? undefined : this.#waiting.get(event.key)
    if (event === undefined || waiting === undefined) return
    waiting.delete(uuid)
    const overtaken = [...waiting.values()].find((other) => goesBefore(other, event))
    if (overtaken === undefined) return
    this.#inversions++
    this.#example ??= `${JSON.stringify(event)} was published before ${JSON.stringify(overtaken)}`
  }

  report(): OrderReport {
    const lost = [...this.#sent].filter(
      ([uuid, { committed }]) => committed !== undefined && !this.#published.has(uuid),
    )
    return {
      committed: this.#committed,
      published: this.#published.size,
      inversions: this.#inversions,
      lost: lost.length,
      duplicates: this.#duplicates,
      ghosts: this.#ghosts,
      example: this.#example,
    }
  }
}

function goesBefore(other: Sent, event: Sent): boolean {
  if (other.transaction === event.transaction) return other.place < event.place
  return other.committed !== undefined && other.committed < event.began
}

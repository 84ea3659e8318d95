import assert from 'node:assert/strict'
import { type IdRanges, mergeRanges, toRanges } from '../../core/id-ranges.ts'
import type { StoredEvent } from '../../core/event.ts'
import { ContractRelay } from './contract-relay.ts'
import { eventOf, idsOf, type StoreHarness } from './harness.ts'
import { OpenTransaction } from './open-transaction.ts'

const STEPS = 250
const MOST_OPEN = 4
const KEYS = ['a', 'b', 'c']

/** What was sent, with the steps that decide its order. */
interface Sent {
  readonly text: string
  readonly key: string
  readonly sentAt: number
  readonly by: Writer
}

interface Writer {
  readonly transaction: OpenTransaction
  committedAt: number | null
}

/** The same numbers for the same seed (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Transactions that overlap at random, a relay that fetches and settles between their steps, and a judge. */
class Schedule implements AsyncDisposable {
  readonly #harness: StoreHarness
  readonly #relay: ContractRelay
  readonly #random: (below: number) => number
  readonly #sent = new Map<string, Sent>()
  readonly #fetched: string[] = []
  #open: Writer[] = []
  #unsettled: IdRanges[] = []
  #step = 0

  constructor(harness: StoreHarness, relay: ContractRelay, random: (below: number) => number) {
    this.#harness = harness
    this.#relay = relay
    this.#random = random
  }

  async run(): Promise<void> {
    for (; this.#step < STEPS; this.#step++) await this.#act()
    for (const writer of this.#open) await this.#commit(writer)
    while ((await this.#fetch(1 + this.#random(5))) > 0);
    this.#judge()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { transaction } of this.#open) await transaction[Symbol.asyncDispose]()
  }

  async #act(): Promise<void> {
    const choice = this.#random(10)
    const writer = this.#open[this.#random(MOST_OPEN)]
    if (choice < 3) await this.#fetch(1 + this.#random(5))
    else if (choice === 3) await this.#settle()
    else if (writer === undefined) await this.#begin()
    else if (choice < 7) await this.#send(writer)
    else {
      this.#open = this.#open.filter((one) => one !== writer)
      if (choice < 9) await this.#commit(writer)
      else await writer.transaction.rollBack()
    }
  }

  async #begin(): Promise<void> {
    if (this.#open.length === MOST_OPEN) return
    const transaction = await OpenTransaction.begin(this.#harness)
    const writer = { transaction, committedAt: null }
    this.#open.push(writer)
    if (this.#random(4) > 0) await this.#send(writer)
  }

  async #send(writer: Writer): Promise<void> {
    const key = KEYS[this.#random(KEYS.length)] ?? ''
    const text = `${this.#sent.size}`
    this.#sent.set(text, { text, key, sentAt: this.#step, by: writer })
    await writer.transaction.append(eventOf(text, { key }))
  }

  async #commit(writer: Writer): Promise<void> {
    await writer.transaction.commit()
    writer.committedAt = this.#step
  }

  async #fetch(maxEvents: number): Promise<number> {
    const inHand = mergeRanges(this.#unsettled)
    const batch = await this.#relay.fetch({ inHand, maxEvents, fromStart: this.#random(20) === 0 })
    if (batch.events.length > 0) this.#unsettled.push(toRanges(idsOf(batch)))
    this.#fetched.push(...batch.events.map((event) => this.#visible(event)))
    return batch.events.length
  }

  #visible({ payload }: StoredEvent): string {
    const text = String(payload)
    assert.ok(typeof this.#sent.get(text)?.by.committedAt === 'number', `${text} was committed`)
    assert.ok(!this.#fetched.includes(text), `${text} is fetched once`)
    return text
  }

  async #settle(): Promise<void> {
    const [ids] = this.#unsettled.splice(this.#random(this.#unsettled.length + 1), 1)
    if (ids === undefined) return
    const { id: relayId, session } = this.#relay
    assert.ok(await session.settle({ relayId, number: this.#step + 1, ids, acks: [] }))
  }

  #judge(): void {
    const committed = [...this.#sent.values()].filter(({ by }) => by.committedAt !== null)
    assert.deepEqual(
      this.#fetched.toSorted(),
      committed.map(({ text }) => text).toSorted(),
      'each event that was committed is fetched',
    )
    const places = new Map(this.#fetched.map((text, place) => [text, place]))
    for (const [at, second] of committed.entries())
      for (const first of committed.slice(0, at)) {
        if (first.key !== second.key) continue
        const isBefore =
          first.by === second.by || (first.by.committedAt ?? Infinity) < second.sentAt
        const isInOrder = (places.get(first.text) ?? 0) < (places.get(second.text) ?? 0)
        if (isBefore) assert.ok(isInOrder, `${first.text} is fetched before ${second.text}`)
      }
  }
}

export async function runSchedule(harness: StoreHarness, seed: number): Promise<void> {
  await using relay = await ContractRelay.enroll(harness.store)
  // What a schedule before has left unsettled is none of this one's.
  const left = idsOf(await relay.fetchAll())
  if (left.length > 0) await relay.settle(left, 1)
  await using successor = await ContractRelay.enroll(harness.store)
  await using schedule = new Schedule(harness, successor, randomOf(seed))
  await schedule.run()
}

import { EventBus } from '../../src/bus/event-bus.ts'
import type { Operations } from '../../src/operations/operations.ts'
import { ContractRelay, keyScope } from '../../src/testing/outbox-store-contract/contract-relay.ts'
import type { StoreHarness } from '../../src/testing/outbox-store-contract.ts'
import { eventually } from './outbox-fixture.ts'
import { RefusalShop, TOPIC } from './refusal-shop.ts'

/** Gives an event that was refused up, at once. */
const TO_DEATH = { maxAttempts: 1, maxPermanentAttempts: 1, onExhausted: 'dead' } as const

/** An outbox with dead letters and blocked keys, and an operator. */
export class OperatorShop implements AsyncDisposable {
  readonly shop: RefusalShop
  readonly operations: Operations
  readonly #bus: EventBus
  readonly #harness: StoreHarness

  static async open(harness: StoreHarness): Promise<OperatorShop> {
    return new OperatorShop(await RefusalShop.open(harness), harness)
  }

  private constructor(shop: RefusalShop, harness: StoreHarness) {
    this.shop = shop
    this.#harness = harness
    this.#bus = new EventBus({ store: harness.store, broker: shop.broker, logger: shop.logger })
    this.operations = this.#bus.operations
  }

  /** Commits events of a key that the broker refuses, until they are dead. No other relay may work. */
  async die(key: string | null, ...payloads: readonly string[]): Promise<void> {
    const { dead } = await this.shop.backlog()
    this.shop.poison(...payloads)
    const relay = await this.shop.relay({ refusals: TO_DEATH })
    await this.shop.commit(key, ...payloads)
    await this.untilDead(dead + payloads.length)
    await relay.stop()
    this.shop.poison()
  }

  /** Commits events of these keys that die of an error, with a number for `%d`. */
  async dieOf(error: string, ...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.shop.commit(key, 'x')
    await this.refuseAll((n) => error.replace('%d', String(n * 7)))
  }

  /** Lets all that is pending die, each of an error of its own. No relay may work. */
  async refuseAll(errorOf: (n: number) => string): Promise<void> {
    await using relay = await ContractRelay.owning(this.#harness.store)
    const { events } = await relay.fetch()
    const refused = events.map((event, n) => ({
      scope: { ...keyScope(event), eventId: event.id },
      error: errorOf(n),
      attempts: 2,
      next: { state: 'dead' as const },
    }))
    await relay.session.refuse(relay.id, refused)
    const entries = await relay.blocked()
    await relay.session.unblock(
      relay.id,
      entries.map(({ id }) => id),
    )
    // Nobody leaves it a share of the lanes.
    await relay.session.markFenced(relay.id, { resigning: true })
    await relay.session.bury(relay.id)
  }

  async untilDead(count: number): Promise<void> {
    await eventually(`${count} events are dead`, async () => {
      const { dead, blocked } = await this.shop.backlog()
      return dead === count && blocked === 0 ? true : undefined
    })
  }

  async untilHeld(count: number): Promise<void> {
    await eventually(`${count} events are held`, async () => {
      const { held, pending } = await this.shop.backlog()
      return held === count && pending === 0 ? true : undefined
    })
  }

  /** Waits until the database's clock shows another millisecond. */
  async nextMillisecond(): Promise<void> {
    await using operations = await this.#harness.store.openOperations()
    const from = await operations.now()
    await eventually('a millisecond', async () =>
      (await operations.now()) > from ? true : undefined,
    )
  }

  /** What is published, until all of these payloads have come. */
  async readUntil(last: readonly string[]): Promise<readonly Published[]> {
    const missing = new Set(last)
    const got: Published[] = []
    for await (const event of this.#bus.stream(TOPIC, { group: 'look', from: 'earliest' })) {
      const text = event.text()
      got.push({ key: event.key, text, again: event.header('oncommit-redelivered') })
      missing.delete(text)
      if (missing.size === 0) break
    }
    return got
  }

  /** What the view `outbox` says of each event, by its uuid. */
  async delivered(): Promise<ReadonlyMap<string, boolean>> {
    const rows = await this.#harness.transaction(async (tx) => rowsOf(tx, this.#harness))
    return new Map(rows.map(({ uuid, delivered }) => [uuid, Boolean(delivered)]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bus.close()
    await this.shop[Symbol.asyncDispose]()
  }
}

interface Published {
  readonly key: string | null
  readonly text: string
  /** How often it was requeued, where it was. */
  readonly again: string | undefined
}

interface Delivered {
  readonly uuid: string
  readonly delivered: boolean | number
}

async function rowsOf(tx: unknown, { store }: StoreHarness): Promise<readonly Delivered[]> {
  if (store.name === 'sqlite') {
    const db = tx as { prepare: (sql: string) => { all: () => unknown } }
    return db.prepare('select uuid, delivered from oncommit_outbox').all() as Delivered[]
  }
  const client = tx as { query: (sql: string) => Promise<{ rows: Delivered[] }> }
  const { rows } = await client.query(`SELECT uuid, delivered FROM "${store.outbox}".outbox`)
  return rows
}

export async function listed<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

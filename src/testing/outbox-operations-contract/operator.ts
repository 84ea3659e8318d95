import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { OutboxEvent, StoredEvent } from '../../core/event.ts'
import type {
  AuditNote,
  BlockedKey,
  DeadLetter,
  OperatorFilter,
  OutboxOperations,
} from '../../core/outbox-operations.ts'
import type { BlockedEntry, OutboxStore } from '../../core/outbox-store.ts'
import type { RefusalOutcome } from '../../core/refusals.ts'
import { ContractRelay, keyScope } from '../outbox-store-contract/contract-relay.ts'
import { eventOf, send, type StoreHarness, until } from '../outbox-store-contract/harness.ts'

/** An operator, and a relay that owns all lanes and does only what a case tells it to. */
export class Operator implements AsyncDisposable {
  readonly operations: OutboxOperations
  readonly relay: ContractRelay
  readonly #harness: StoreHarness

  private constructor(harness: StoreHarness, operations: OutboxOperations, relay: ContractRelay) {
    this.#harness = harness
    this.operations = operations
    this.relay = relay
  }

  static async open(harness: StoreHarness): Promise<Operator> {
    const operations = await operationsOf(harness.store)
    return new Operator(harness, operations, await ContractRelay.owning(harness.store))
  }

  /** Sends events, which the relay fetches: as they are stored, in their order. */
  async sent(
    ...events: readonly (Partial<OutboxEvent> & { text?: string })[]
  ): Promise<readonly StoredEvent[]> {
    await send(
      this.#harness,
      ...events.map(({ text = '', ...more }) => eventOf(text, { key: 'k', ...more })),
    )
    const fetched = await this.relay.fetch()
    assert.equal(fetched.events.length, events.length)
    return fetched.events
  }

  /** Lets the broker refuse an event. */
  async refused(event: StoredEvent, next: RefusalOutcome, error = 'refused'): Promise<void> {
    const scope = { ...keyScope(event), eventId: event.id }
    const refused = [{ scope, error, attempts: 3, next }]
    assert.deepEqual(await this.relay.session.refuse(this.relay.id, refused), [event.id])
  }

  /** Events that are dead, and nothing waits behind them. */
  async dead(
    ...events: readonly (Partial<OutboxEvent> & { error?: string })[]
  ): Promise<readonly StoredEvent[]> {
    const sent = await this.sent(...events)
    for (const [n, event] of sent.entries())
      await this.refused(event, { state: 'dead' }, events[n]?.error)
    await this.unblockAll()
    return sent
  }

  /** A key whose head is refused, with other events behind it. */
  async blocked(key: string, count: number, next: RefusalOutcome): Promise<readonly StoredEvent[]> {
    const sent = await this.sent(...Array.from({ length: count }, () => ({ key })))
    const [head, ...behind] = sent
    assert.ok(head !== undefined)
    await this.refused(head, next)
    await this.relay.park(
      keyScope(head),
      behind.map(({ id }) => id),
    )
    return sent
  }

  async unblockAll(): Promise<void> {
    const entries = await this.relay.blocked()
    const ids = entries.map(({ id }) => id)
    const freed = await this.relay.session.unblock(this.relay.id, ids)
    assert.deepEqual(new Set(freed), new Set(ids))
  }

  /** Entries that are to be drained now. */
  async due(): Promise<readonly BlockedEntry[]> {
    const { lanes } = this.relay
    return this.relay.session.due({ lanes, exceptTopics: [], limit: 1_000 })
  }

  async entries(): Promise<readonly BlockedEntry[]> {
    return this.relay.blocked()
  }

  /** All dead letters that a filter leaves. */
  async letters(filter: OperatorFilter = {}, limit = 100): Promise<readonly DeadLetter[]> {
    const upTo = await this.operations.now()
    return all((after) => this.operations.deadLetters({ filter, upTo, after, limit }))
  }

  /** All that is blocked and that a filter leaves. */
  async blockedKeys(filter: OperatorFilter = {}, limit = 100): Promise<readonly BlockedKey[]> {
    const upTo = await this.operations.now()
    return all((after) => this.operations.blockedKeys({ filter, upTo, after, limit }))
  }

  /** Waits for the next millisecond of the database's clock. */
  async tick(): Promise<Date> {
    const from = await this.operations.now()
    let now = from
    await until(async () => {
      now = await this.operations.now()
      return now > from
    }, 'a millisecond has passed')
    return now
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.relay[Symbol.asyncDispose]()
    await this.operations[Symbol.asyncDispose]()
  }
}

export async function operationsOf(store: OutboxStore): Promise<OutboxOperations> {
  return store.openOperations()
}

export function noteOf(more: Partial<AuditNote> = {}): AuditNote {
  return { bulk: randomUUID(), actor: 'ada', reason: 'INC-1', filter: { topic: 't' }, ...more }
}

export function idsOf(events: readonly { readonly id: bigint }[]): readonly bigint[] {
  return events.map(({ id }) => id)
}

async function all<T>(
  page: (after: bigint) => Promise<{ items: readonly T[]; next: bigint | null }>,
): Promise<readonly T[]> {
  const found: T[] = []
  for (let after: bigint | null = 0n; after !== null;) {
    const { items, next }: { items: readonly T[]; next: bigint | null } = await page(after)
    found.push(...items)
    after = next
  }
  return found
}

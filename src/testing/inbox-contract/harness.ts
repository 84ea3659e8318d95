import assert from 'node:assert/strict'

import type { Inbox } from '../../core/inbox.ts'
import type { OutboxStore } from '../../core/outbox-store.ts'
import { uuidv7 } from '../../core/uuid.ts'

/** What the suite needs to know of a store with an inbox, and to do to it. Each case has one of its own. */
export interface InboxHarness extends AsyncDisposable {
  /** On tables of its own, which are empty and of the newest version. */
  readonly store: OutboxStore
  /** Another object on the same outbox, as another process has it. */
  readonly other: OutboxStore
  /** An outbox of the same database whose tables were never made. */
  openEmpty(): Promise<OutboxStore>

  /** A business row of this amount, in a transaction that `once` gave. */
  add(tx: unknown, amount: number): Promise<void>
  /** The amounts of all business rows that are committed. */
  sum(): Promise<number>
  /** Executes a statement in a transaction that `once` gave. */
  execute(tx: unknown, statement: string): Promise<unknown>
  /** Resolves when a call waits for another transaction, as far as the database shows it. */
  untilWaiting(): Promise<void>
  /** How many events the outbox has. */
  countSent(): Promise<number>

  /** Notes `count` events that a group handled `ageMs` ago. */
  fill(count: number, ageMs: number): Promise<void>
  /** How many are noted. */
  countNoted(): Promise<number>
}

export const GROUP = 'contract'

export function inboxOf({ inbox }: OutboxStore): Inbox {
  assert.ok(inbox !== undefined, 'it has an inbox')
  return inbox
}

export function uuids(count: number): readonly string[] {
  return Array.from({ length: count }, () => uuidv7())
}

/** Handles events by adding 1 for each new one. */
export function addOnce(
  harness: InboxHarness,
  events: readonly string[],
  { store = harness.store, group = GROUP }: { store?: OutboxStore; group?: string } = {},
): Promise<ReadonlySet<string>> {
  return inboxOf(store).once(group, events, async (tx, fresh) => harness.add(tx, fresh.size))
}

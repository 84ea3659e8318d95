import { setTimeout as wait } from 'node:timers/promises'
import type { OutboxEvent } from '../../core/event.ts'
import type { FetchedBatch, OutboxStore } from '../../core/outbox-store.ts'
import { uuidv7 } from '../../core/uuid.ts'

/** What the suite needs to know of a store, and to do to it. Each case has one of its own. */
export interface StoreHarness extends AsyncDisposable {
  /** On tables of its own, which are empty and of the newest version. */
  readonly store: OutboxStore
  /** Another object on the same outbox, as another process has it. */
  readonly other: OutboxStore
  /** An outbox of the same database whose tables were never made, as two processes have it. */
  openEmpty(): Promise<{ readonly store: OutboxStore; readonly other: OutboxStore }>

  /**
   * Runs `work` in a transaction of what was given to `store`, and commits; where it throws, rolls
   * back and throws the same.
   */
  transaction<T>(work: (tx: unknown) => Promise<T>): Promise<T>
  /** What looks like a transaction of the driver and is none, with what it is. */
  readonly notTransactions: readonly (readonly [what: string, tx: unknown])[]

  /** Lets a relay's time run out. */
  expire(relayId: string): Promise<void>
  /** Makes an event dead: nothing waits to deliver it any more. */
  makeDead(eventId: bigint): Promise<void>
  /** Makes the tables look as if a newer release had migrated them, where that can be done. */
  makeNewer?(): Promise<void>
  /** The uuids of all events that the tables have, delivered or not. */
  storedUuids(): Promise<readonly string[]>

  /** Transactions that write may be open side by side. */
  readonly concurrentTransactions: boolean
  /** What is announced reaches those who listen in other processes. */
  readonly wakesOthers: boolean
}

const TOPIC = 'contract'

/** An event whose payload is text; more of it by `more`. */
export function eventOf(text: string, more: Partial<OutboxEvent> = {}): OutboxEvent {
  return {
    uuid: uuidv7(),
    timestamp: new Date(1_700_000_000_123),
    topic: TOPIC,
    key: 'key',
    msgType: 'Happened',
    mimeType: 'text/plain',
    headers: [],
    payload: Buffer.from(text),
    ...more,
  }
}

/** Events of one key. */
export function eventsOf(
  texts: readonly string[],
  more: Partial<OutboxEvent> = {},
): readonly OutboxEvent[] {
  return texts.map((text) => eventOf(text, more))
}

/** Sends events in a transaction of their own. */
export async function send(
  harness: StoreHarness,
  ...events: readonly OutboxEvent[]
): Promise<void> {
  await harness.transaction(async (tx) => harness.store.append(tx, events))
}

export function textsOf({ events }: FetchedBatch): readonly string[] {
  return events.map(({ payload }) => String(payload))
}

export function idsOf({ events }: FetchedBatch): readonly bigint[] {
  return events.map(({ id }) => id)
}

/** `count` texts that differ. */
export function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${index}`)
}

/** Asks until the answer is yes: for what only the database's clock decides. */
export async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await wait(2)
  }
}

/** For cases whose transactions overlap. */
export const onlyConcurrent = ({ concurrentTransactions }: StoreHarness): string | null =>
  concurrentTransactions ? null : 'one transaction writes at a time'

/** For cases about several lanes. */
export const onlyLanes = ({ store }: StoreHarness): string | null =>
  store.lanes > 1 ? null : 'it has one lane'

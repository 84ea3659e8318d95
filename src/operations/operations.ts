import { knownOptions, wholeNumber } from '../core/options.ts'
import type { Headers } from '../core/event.ts'
import type { OutboxOperations } from '../core/outbox-operations.ts'
import type { OutboxStore } from '../core/outbox-store.ts'
import { decodeHeaders } from '../core/stored-headers.ts'
import * as acting from './acting.ts'
import type { DecisionResult, RequeueOptions, RequeueResult } from './acting.ts'
import { type AuditRecord, recordsOf } from './audit.ts'
import {
  type BlockedKeyInfo,
  blockedOf,
  type HeldEventInfo,
  heldOf,
  shown,
} from './blocked-keys.ts'
import { type BulkOptions, type BulkResult, checkBulkOptions } from './bulk.ts'
import * as letters from './dead-letters.ts'
import type { DeadGroup, DeadLetterInfo, RequeuePreview } from './dead-letters.ts'
import { conditionsOf, conditionsToActOn, type OperationsFilter, uuidsOf } from './filters.ts'
import { explain, type ExplainOptions } from './explain.ts'
import type { Explanation } from './explanation.ts'
import { findEvent } from './find-event.ts'
import { status } from './status.ts'
import type { Status, StatusOptions } from './status-report.ts'

/** A dead letter with what it carries. */
export interface WholeDeadLetter extends DeadLetterInfo {
  readonly mimeType: string
  readonly headers: Headers
  readonly payload: Buffer | null
}

/** How long to look for an event that isn't where its uuid says. */
const SEARCH_MS = 5_000

/**
 * What operators look at and decide about: events that were refused for good, and keys that wait for
 * one. An action freezes what it is about, runs in chunks, and writes to the audit, in the
 * transaction of each chunk, who did it and why. Methods throw an `OptionError`, a
 * `SchemaVersionError` or a `StoreError`.
 *
 * @example
 * const { letters, newer } = await bus.operations.previewRequeue({ topic: 'invoices' })
 * await bus.operations.requeue({ topic: 'invoices' }, { actor: 'ada', reason: 'INC-2291' })
 */
export class Operations {
  readonly #store: OutboxStore
  readonly #onActed: () => void
  #checked: Promise<void> | null = null

  /** `onActed` is called behind each chunk that was acted on. */
  constructor(store: OutboxStore, onActed: () => void) {
    this.#store = store
    this.#onActed = onActed
  }

  /**
   * What became of an event, and what holds it: the first thing on its way that does. It only reads,
   * and each of its questions is short.
   */
  async why(uuid: string, options?: ExplainOptions): Promise<Explanation> {
    const [checked = uuid] = uuidsOf([uuid])
    await using inspection = await this.#store.openInspection()
    return await explain(inspection, checked, options)
  }

  /** How the outbox does: what waits, how fast it goes, and what is wrong. Counts end at a cap. */
  async status(options?: StatusOptions): Promise<Status> {
    await using inspection = await this.#store.openInspection()
    return await status(inspection, options)
  }

  /** Dead letters, in the order in which they were sent. */
  async *deadLetters(filter: OperationsFilter = {}): AsyncGenerator<DeadLetterInfo, void> {
    const conditions = conditionsOf(filter)
    await using operations = await this.#open()
    const upTo = await operations.now()
    for await (const { id: _, ...letter } of letters.lettersOf(operations, conditions, upTo))
      yield letter
  }

  /** A dead letter with what it carries, `null` where none has this uuid. */
  async deadLetter(uuid: string): Promise<WholeDeadLetter | null> {
    const uuids = uuidsOf([uuid])
    await using operations = await this.#open()
    const upTo = await operations.now()
    for await (const { id, ...letter } of letters.lettersOf(operations, { uuids }, upTo)) {
      const contents = await operations.contents(id)
      if (contents !== null)
        return { ...letter, ...contents, headers: decodeHeaders(contents.headers) }
    }
    return null
  }

  /** Dead letters by topic and by what their errors have in common, the largest groups first. */
  async deadGroups(filter: OperationsFilter = {}): Promise<readonly DeadGroup[]> {
    const conditions = conditionsOf(filter)
    await using operations = await this.#open()
    return await letters.deadGroups(operations, conditions)
  }

  /**
   * What `requeue` would do; changes nothing. `searchMs` is how long to look for newer events of the
   * same keys. @defaultValue 5000
   */
  async previewRequeue(
    filter: OperationsFilter,
    options: { readonly searchMs?: number } = {},
  ): Promise<RequeuePreview> {
    const conditions = conditionsToActOn(filter)
    knownOptions('options', options, ['searchMs'])
    const searchMs = wholeNumber('options.searchMs', options.searchMs ?? SEARCH_MS, { min: 0 })
    await using operations = await this.#open()
    return await letters.previewRequeue(operations, conditions, { searchMs })
  }

  /**
   * Has dead letters published again, as the events that they were, behind what their keys have
   * published since; the header `oncommit-redelivered` counts it. To repeat it does nothing more:
   * what is requeued is no dead letter.
   */
  async requeue(filter: OperationsFilter, options: RequeueOptions): Promise<RequeueResult> {
    checkBulkOptions(options, ['onlyInOrder'])
    const conditions = conditionsToActOn(filter)
    await using operations = await this.#open()
    return await acting.requeueLetters(operations, conditions, this.#waking(options))
  }

  /** Gives up dead letters for good: their keys have a gap. To repeat it does nothing more. */
  async discard(filter: OperationsFilter, options: BulkOptions): Promise<DecisionResult> {
    checkBulkOptions(options)
    const conditions = conditionsToActOn(filter)
    await using operations = await this.#open()
    return await acting.discardLetters(operations, conditions, options)
  }

  /** Keys, keyless events and topics that are blocked, retrying or draining, in the order in which they were blocked. */
  async *blockedKeys(filter: OperationsFilter = {}): AsyncGenerator<BlockedKeyInfo, void> {
    const conditions = conditionsOf(filter)
    await using operations = await this.#open()
    for await (const one of blockedOf(operations, conditions)) yield shown(one)
  }

  /** The first events that blocked keys hold, `limit` in all. @defaultValue 100 */
  async held(filter: OperationsFilter = {}, limit = 100): Promise<readonly HeldEventInfo[]> {
    const conditions = conditionsOf(filter)
    wholeNumber('limit', limit, { min: 1, max: 10_000 })
    await using operations = await this.#open()
    return await heldOf(operations, conditions, limit)
  }

  /**
   * Lets keys that are blocked or retrying go on now, with their heads, as if these had never been
   * refused. Topics are left out: they go on when the broker takes them.
   */
  async release(filter: OperationsFilter, options: BulkOptions): Promise<BulkResult> {
    checkBulkOptions(options)
    const conditions = conditionsToActOn(filter)
    await using operations = await this.#open()
    return await acting.releaseKeys(operations, conditions, this.#waking(options))
  }

  /** Gives up the heads of keys that are blocked or retrying, for good: what waits behind them goes on. */
  async discardHeads(filter: OperationsFilter, options: BulkOptions): Promise<BulkResult> {
    checkBulkOptions(options)
    const conditions = conditionsToActOn(filter)
    await using operations = await this.#open()
    return await acting.discardHeads(operations, conditions, this.#waking(options))
  }

  /**
   * Gives up held events for good, wherever they wait with their keys. One that is on its way to the
   * broker at this moment may still be published.
   */
  async discardHeld(uuids: readonly string[], options: BulkOptions): Promise<DecisionResult> {
    checkBulkOptions(options)
    const wanted = uuidsOf(uuids)
    await using operations = await this.#open()
    const found = await this.#heldIds(wanted)
    return await acting.discardHeldEvents(
      operations,
      { found, uuids: wanted },
      this.#waking(options),
    )
  }

  /** Which of some events are held, and so can be discarded by `discardHeld`. */
  async whichAreHeld(uuids: readonly string[]): Promise<readonly string[]> {
    return [...(await this.#heldIds(uuidsOf(uuids))).keys()]
  }

  /** What was done, the newest first: an entry for each transaction. `limit` entries. @defaultValue 100 */
  async audit(limit = 100): Promise<readonly AuditRecord[]> {
    wholeNumber('limit', limit, { min: 1, max: 10_000 })
    await using operations = await this.#open()
    return recordsOf(await operations.audit({ limit }))
  }

  async #open(): Promise<OutboxOperations> {
    this.#checked ??= this.#store.check()
    try {
      await this.#checked
    } catch (error) {
      this.#checked = null
      throw error
    }
    return this.#store.openOperations()
  }

  #waking<T extends BulkOptions>(options: T): T {
    const onProgress: BulkOptions['onProgress'] = (progress) => {
      this.#onActed()
      options.onProgress?.(progress)
    }
    return { ...options, onProgress }
  }

  async #heldIds(uuids: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    await using inspection = await this.#store.openInspection()
    const found = new Map<string, bigint>()
    for (const uuid of uuids) {
      const { id } = await findEvent(inspection, uuid, performance.now() + SEARCH_MS)
      const event = id === null ? null : await inspection.event(id)
      if (event?.standing.state === 'held') found.set(uuid, event.id)
    }
    return found
  }
}

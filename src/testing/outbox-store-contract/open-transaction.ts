import assert from 'node:assert/strict'
import type { OutboxEvent } from '../../core/event.ts'
import type { StoreHarness } from './harness.ts'

/** A transaction that a case ends when it wants to; rolled back where it never does. */
export class OpenTransaction implements AsyncDisposable {
  readonly #harness: StoreHarness
  readonly #tx: unknown
  readonly #ending: PromiseWithResolvers<void>
  readonly #done: Promise<unknown>
  #isOpen = true

  private constructor(
    harness: StoreHarness,
    parts: { tx: unknown; ending: PromiseWithResolvers<void>; done: Promise<unknown> },
  ) {
    this.#harness = harness
    this.#tx = parts.tx
    this.#ending = parts.ending
    this.#done = parts.done
  }

  static async begin(harness: StoreHarness): Promise<OpenTransaction> {
    const begun = Promise.withResolvers<unknown>()
    const ending = Promise.withResolvers<void>()
    const done = harness.transaction(async (tx) => {
      begun.resolve(tx)
      await ending.promise
    })
    done.catch((error: unknown) => begun.reject(error))
    return new OpenTransaction(harness, { tx: await begun.promise, ending, done })
  }

  async append(...events: readonly OutboxEvent[]): Promise<void> {
    await this.#harness.store.append(this.#tx, events)
  }

  async commit(): Promise<void> {
    this.#isOpen = false
    this.#ending.resolve()
    await this.#done
  }

  async rollBack(): Promise<void> {
    this.#isOpen = false
    const reason = new Error('rolled back by the case')
    this.#ending.reject(reason)
    await assert.rejects(this.#done, (error) => error === reason)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOpen) await this.rollBack()
  }
}

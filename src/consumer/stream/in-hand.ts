import { AsyncLocalStorage } from 'node:async_hooks'
import type { Delivery } from '../reading/marks.ts'
import type { ReceivedEvent } from '../received-event.ts'

const inHand = new AsyncLocalStorage<Delivery | null>()

/**
 * An event on its way into a loop, which notes where it arrives. `for await` reads `value` when it
 * goes on, in its own async context: not in that of whoever started it, who may call at any time,
 * and means to wait for the loop. A class, as a getter in a literal costs twice as much.
 */
export class HandedOver<T> implements IteratorYieldResult<ReceivedEvent<T>> {
  readonly done = false
  readonly #event: ReceivedEvent<T>
  readonly #delivery: Delivery

  constructor(event: ReceivedEvent<T>, delivery: Delivery) {
    this.#event = event
    this.#delivery = delivery
  }

  get value(): ReceivedEvent<T> {
    inHand.enterWith(this.#delivery)
    return this.#event
  }
}

/** Whether the running code is the loop that has this event in hand, or was called by it. */
export function isInHandHere(delivery: Delivery): boolean {
  return inHand.getStore() === delivery
}

/** Runs it as if no loop had called it: what that has in hand may finish. */
export function outsideLoops<T>(work: () => T): T {
  return inHand.run(null, work)
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { Broker } from '../../../src/core/broker.ts'
import { Sender } from '../stream/sender.ts'

const KEYS = 40

export interface LoadOptions {
  readonly topic: string
  /** How many events were handled: no more than `ahead` are sent ahead of that. */
  readonly handled: () => number
  readonly ahead: number
  /** Events of a batch. @defaultValue 10 */
  readonly batch?: number
}

export function keyOf(number: number): string {
  return `k${number % KEYS}`
}

/** Sends numbered events of many keys for as long as it runs, as a relay does. */
export class Load implements AsyncDisposable {
  /** Events so far: the numbers below it. */
  sent = 0
  readonly #sender: Sender
  readonly #options: LoadOptions
  readonly #running: Promise<void>
  #isStopped = false

  static async begin(broker: Broker, options: LoadOptions): Promise<Load> {
    return new Load(await Sender.open(broker), options)
  }

  private constructor(sender: Sender, options: LoadOptions) {
    this.#sender = sender
    this.#options = options
    this.#running = this.#run()
    this.#running.catch(() => {})
  }

  /** Gives how many it sent. */
  async stop(): Promise<number> {
    this.#isStopped = true
    await this.#running
    return this.sent
  }

  async #run(): Promise<void> {
    const { topic, handled, ahead, batch = 10 } = this.#options
    while (!this.#isStopped) {
      if (this.sent - handled() >= ahead) await sleep(2)
      else {
        await this.#sender.sendEvents(topic, numbered(batch, this.sent))
        this.sent += batch
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    await this.#running.catch(() => {})
    await this.#sender[Symbol.asyncDispose]()
  }
}

/** Events with their numbers in a header, of so many bytes. */
export function numbered(
  count: number,
  from = 0,
  bytes = 1,
): { key: string; headers: [string, string][]; payload: Buffer }[] {
  return Array.from({ length: count }, (_, at) => {
    const number = at + from
    return {
      key: keyOf(number),
      headers: [['number', String(number)]],
      payload: Buffer.alloc(bytes),
    }
  })
}

import { OncommitError } from '../core/errors.ts'
import { outsideLoops } from './stream/in-hand.ts'

/** A stream or a consumer. */
interface Subscription {
  readonly topics: readonly string[]
  readonly group: string | null
  close(): Promise<void>
}

/** The streams and consumers that are open here. */
export class Subscriptions {
  readonly #streams = new Set<Subscription>()
  #isClosed = false

  add(stream: Subscription): void {
    this.#streams.add(stream)
    if (this.#isClosed) void stream.close()
  }

  /** What is asked for one that is to be opened: whoever closes all waits for it. Rejects where they did. */
  async ask<T>(asking: Promise<T>): Promise<T> {
    const close = async (): Promise<void> => void (await Promise.allSettled([asking]))
    const stream = { topics: [], group: null, close }
    this.add(stream)
    const answer = await asking.finally(() => this.remove(stream))
    if (this.#isClosed) throw new OncommitError('ONCOMMIT_STOPPED', 'the bus was closed')
    return answer
  }

  remove(stream: Subscription): void {
    this.#streams.delete(stream)
  }

  /** Ends every stream and consumer of the topic and group. Where there is none it resolves at once. */
  async unsubscribe(topic: string, group: string): Promise<void> {
    const found = [...this.#streams].filter(
      (stream) => stream.group === group && stream.topics.includes(topic),
    )
    await closeEach(found)
  }

  /** The groups that read the topic here. */
  listSubscribers(topic: string): string[] {
    const groups = [...this.#streams]
      .filter((stream) => stream.topics.includes(topic))
      .flatMap((stream) => stream.group ?? [])
    return [...new Set(groups)]
  }

  /** For good. */
  async closeAll(): Promise<void> {
    this.#isClosed = true
    await closeEach([...this.#streams])
  }
}

/** What is in hand may finish, also that of a loop which asks for it and goes on. */
async function closeEach(streams: readonly Subscription[]): Promise<void> {
  await outsideLoops(() => Promise.all(streams.map((stream) => stream.close())))
}

import { outsideLoops } from './in-hand.ts'

/** A stream or a consumer. */
interface Subscription {
  readonly topics: readonly string[]
  readonly group: string | null
  close(): Promise<void>
}

/** The streams and consumers that are open here. */
export class Subscriptions {
  readonly #streams = new Set<Subscription>()

  add(stream: Subscription): void {
    this.#streams.add(stream)
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

  async closeAll(): Promise<void> {
    await closeEach([...this.#streams])
  }
}

/** What is in hand may finish, also that of a loop which asks for it and goes on. */
async function closeEach(streams: readonly Subscription[]): Promise<void> {
  await outsideLoops(() => Promise.all(streams.map((stream) => stream.close())))
}

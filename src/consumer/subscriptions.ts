import type { EventStream } from './event-stream.ts'
import { outsideLoops } from './in-hand.ts'

/** The streams that are open here. */
export class Subscriptions {
  readonly #streams = new Set<EventStream>()

  add(stream: EventStream): void {
    this.#streams.add(stream)
  }

  remove(stream: EventStream): void {
    this.#streams.delete(stream)
  }

  /** Ends every stream of the topic and group. Where there is none it resolves at once. */
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
async function closeEach(streams: readonly EventStream[]): Promise<void> {
  await outsideLoops(() => Promise.all(streams.map((stream) => stream.close())))
}

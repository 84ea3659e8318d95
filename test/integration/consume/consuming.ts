import { EventBus, type EventBusOptions } from '../../../src/bus/event-bus.ts'
import type { Consumer } from '../../../src/consumer/consume/consumer.ts'
import type { BatchHandler, Handler } from '../../../src/consumer/consume/handling.ts'
import type {
  ConsumeBatchesOptions,
  ConsumeOptions,
} from '../../../src/consumer/consume/options.ts'
import type { Mark } from '../../../src/core/log.ts'
import { freshTopic, type Place } from '../stream/places.ts'
import { eventually, MemoryLogger, take } from '../stream/reading.ts'
import { Sender } from '../stream/sender.ts'
import { type CommitTried, watchCommits } from './commits.ts'

/** Failures are tried again at once. */
export const quick = { backoff: { first: 1, max: 2 } } as const

export async function handled(got: readonly unknown[], count: number): Promise<void> {
  await eventually(`${count} are handled, not ${got.length}`, () => got.length >= count)
}

export async function state(consumer: Consumer, wanted: string): Promise<void> {
  await eventually(`it is ${wanted}`, () => consumer.health().state === wanted)
}

/** All that is in its topics is handled. */
export async function caughtUp(consumer: Consumer): Promise<void> {
  const isDone = (): boolean =>
    consumer.health().state === 'running' && consumer.lag().every(({ lag }) => lag === 0n)
  await eventually('the lag is 0', () => consumer.lag().length > 0 && isDone())
}

/** A place with a sender, and the consumers that a test opens there: each on a bus of its own. */
export class Consuming implements AsyncDisposable {
  readonly place: Place
  readonly sender: Sender
  readonly logger: MemoryLogger = new MemoryLogger()
  readonly #commits: CommitTried[] = []
  readonly #watchers: ((commit: CommitTried) => void)[] = []
  readonly #consumers = new Set<Consumer>()

  static async open(openPlace: () => Promise<Place>): Promise<Consuming> {
    const place = await openPlace()
    return new Consuming(place, await Sender.open(place.broker))
  }

  private constructor(place: Place, sender: Sender) {
    this.place = place
    this.sender = sender
  }

  bus(options: Partial<EventBusOptions> = {}): EventBus {
    const broker = watchCommits(this.place.broker, (commit) => {
      this.#commits.push(commit)
      for (const watch of this.#watchers) watch(commit)
    })
    return new EventBus({ broker, logger: this.logger, ...options })
  }

  /** In the group of the topic's name. */
  consume(topic: string, handler: Handler, options: Partial<ConsumeOptions> = {}): Consumer {
    const all = { group: topic, retry: quick, ...options }
    return this.#opened(this.bus().consume(topic, all, handler))
  }

  consumeBatches(
    topic: string,
    handler: BatchHandler,
    options: Partial<ConsumeBatchesOptions> = {},
  ): Consumer {
    const all = { group: topic, retry: quick, ...options }
    return this.#opened(this.bus().consumeBatches(topic, all, handler))
  }

  /** Each text has a key of its own, unless told otherwise. */
  async newTopic(
    texts: readonly string[] = [],
    options: { key?: (text: string) => string | null; partitions?: number } = {},
  ): Promise<string> {
    const { key = (text: string) => text, partitions = 1 } = options
    const topic = freshTopic()
    await this.place.createTopic(topic, partitions)
    if (texts.length > 0) await this.sender.send(topic, texts, key)
    return topic
  }

  /** Tells of each commit that a consumer asks for, before it is sent. */
  watch(watcher: (commit: CommitTried) => void): void {
    this.#watchers.push(watcher)
  }

  /** What its consumers asked to commit for the group, in that order. */
  committedOf(group: string): readonly Mark[] {
    return this.#commits.flatMap((one) => (one.group === group ? one.marks : []))
  }

  /** The next events of the group: which handles them. */
  async next(topic: string, count: number): Promise<string[]> {
    return take(this.bus().stream(topic, { group: topic }), count)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const consumer of this.#consumers) await consumer.stop({ timeout: 0 })
    await this.sender[Symbol.asyncDispose]()
    await this.place[Symbol.asyncDispose]()
  }

  #opened(consumer: Consumer): Consumer {
    this.#consumers.add(consumer)
    return consumer
  }
}

import type { Clock } from '../../core/clock.ts'
import { BrokerError } from '../../core/errors.ts'
import type { LogClient, TopicPartition } from '../../core/log.ts'
import type { Logger } from '../../core/logger.ts'
import type { Patience } from './patience.ts'
import type { ReadingSettings } from './reading-options.ts'
import { partitionName } from './start-offsets.ts'

const WATCH_MISSING_MS = 1_000
const WATCH_MS = 30_000

export interface TopicWatchParts {
  readonly client: LogClient
  readonly settings: ReadingSettings
  readonly logger: Logger
  readonly clock: Clock
  /** Whom the log says that it waits. */
  readonly health: { readonly name: string }
  readonly closed: AbortSignal
}

/** Which partitions the topics of a stream have, and which of them came after the stream began. */
export class TopicWatch {
  readonly #parts: TopicWatchParts
  readonly #patience: Patience
  readonly #missing = new Set<string>()
  #first: ReadonlySet<string> | null = null

  constructor(parts: TopicWatchParts, patience: Patience) {
    this.#parts = parts
    this.#patience = patience
  }

  /** Whether the partition was not there at the first look: all of its events come after it. */
  isLate(at: TopicPartition): boolean {
    return this.#first !== null && !this.#first.has(partitionName(at))
  }

  /** The partitions that are there, with a warning for each topic that is not. Rejects where one is forbidden. */
  async look(): Promise<readonly TopicPartition[]> {
    const found: TopicPartition[] = []
    for (const topic of this.#parts.settings.topics)
      found.push(...(await this.#partitionsOf(topic)))
    this.#first ??= new Set(found.map(partitionName))
    return found
  }

  /** Looks for as long as the stream is open. */
  async *partitions(): AsyncGenerator<readonly TopicPartition[], void> {
    const { clock, closed } = this.#parts
    while (!closed.aborted) {
      yield await this.look()
      await clock.sleep(this.#missing.size > 0 ? WATCH_MISSING_MS : WATCH_MS, closed)
    }
  }

  async #partitionsOf(topic: string): Promise<readonly TopicPartition[]> {
    const { client, closed, logger, health } = this.#parts
    try {
      const found = await this.#patience.ask(
        { asking: 'reading', signal: closed, except: 'topic-unavailable' },
        () => client.partitions([topic]),
      )
      this.#missing.delete(topic)
      return found
    } catch (error) {
      if (!(error instanceof BrokerError) || error.forbidden || error.kind !== 'topic-unavailable')
        throw error
      if (!this.#missing.has(topic))
        logger.warn(`oncommit: ${health.name} waits for topic ${topic}: ${error.message}`)
      this.#missing.add(topic)
      return []
    }
  }
}

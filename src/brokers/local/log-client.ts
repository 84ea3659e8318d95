import { BrokerError } from '../../core/errors.ts'
import type {
  FetchOptions,
  GroupMembership,
  JoinOptions,
  LogClient,
  LogClientOptions,
  Page,
  Position,
  TopicPartition,
} from '../../core/log.ts'
import { toBrokerError } from './failures.ts'
import { Fetcher } from './fetcher.ts'
import { type LocalLog, useTopic } from './local-log.ts'
import { LocalMembership } from './membership.ts'
import { selectBounds, selectOffsetAt } from './records.ts'

/** One reader of the local log. */
export class LocalLogClient implements LogClient {
  readonly #log: LocalLog
  readonly #clientId: string
  readonly #fetcher: Fetcher
  readonly #closing = new AbortController()
  #membership: LocalMembership | null = null

  constructor(log: LocalLog, options: LogClientOptions) {
    this.#log = log
    this.#clientId = options.clientId
    this.#fetcher = new Fetcher(log)
  }

  async partitions(topics: readonly string[]): Promise<readonly TopicPartition[]> {
    return this.#asked(() =>
      topics.flatMap((topic) =>
        [...useTopic(this.#log, topic).partitionIds.keys()].map((partition) => ({
          topic,
          partition,
        })),
      ),
    )
  }

  async offsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest' | Date,
  ): Promise<readonly Position[]> {
    return this.#asked(() =>
      partitions.map(({ topic, partition }) => ({
        topic,
        partition,
        offset: BigInt(this.#offset({ topic, partition }, at)),
      })),
    )
  }

  async join(options: JoinOptions): Promise<GroupMembership> {
    if (this.#membership !== null)
      throw new BrokerError('unknown', 'this client is a member of a group already')
    const membership = new LocalMembership(this.#log, this.#clientId, options)
    this.#membership = membership
    try {
      await this.#asked(() => membership.start())
    } catch (error) {
      this.#membership = null
      throw error
    }
    return membership
  }

  async fetch(positions: readonly Position[], options: FetchOptions): Promise<readonly Page[]> {
    const closing = this.#closing.signal
    return this.#fetcher.fetch(positions, {
      ...options,
      signal: AbortSignal.any([options.signal, closing]),
    })
  }

  async close(): Promise<void> {
    this.#closing.abort(new BrokerError('away', 'the client is closed'))
    await this.#membership?.leave()
  }

  #offset({ topic, partition }: TopicPartition, at: 'earliest' | 'latest' | Date): number {
    const id = useTopic(this.#log, topic).partitionIds[partition]
    if (id === undefined)
      throw new BrokerError('topic-unavailable', `topic ${topic} has no partition ${partition}`, {
        topic,
      })
    if (at instanceof Date) return selectOffsetAt(this.#log.database, id, at.getTime())
    const { start, next } = selectBounds(this.#log.database, id)
    return at === 'earliest' ? start : next
  }

  async #asked<T>(work: () => T): Promise<T> {
    await this.#log.faults.reach(this.#closing.signal)
    try {
      return work()
    } catch (error) {
      throw toBrokerError(error)
    }
  }
}

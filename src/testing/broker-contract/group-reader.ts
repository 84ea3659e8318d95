import type { Broker } from '../../core/broker.ts'
import type { LogRecord } from '../../core/codec.ts'
import type { GroupMembership, LogClient, Mark, Position, TopicPartition } from '../../core/log.ts'
import { FETCH } from './harness.ts'

/** Resolves waits when what they wait for has become so. */
export class Observed {
  readonly #waiting = new Set<() => void>()

  changed(): void {
    for (const look of this.#waiting) look()
  }

  async until(isSo: () => boolean, what: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = (): void => {
      if (isSo()) resolve()
    }
    const timer = setTimeout(() => reject(new Error(`waited in vain until ${what}`)), 30_000)
    this.#waiting.add(look)
    look()
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(look)
    }
  }
}

export interface ReaderOptions {
  readonly broker: Broker
  readonly group: string
  readonly topics: readonly string[]
  readonly sessionTimeoutMs: number
  /** Shared by the readers of a case, so that a wait can be for any of them. */
  readonly observed: Observed
  /** Called for each record, in order per partition. Without it nothing is fetched. */
  readonly handle?: (at: TopicPartition, record: LogRecord) => Promise<void>
  /** Awaited in the revocation, before what is handled is committed. */
  readonly onRevoking?: () => Promise<void>
}

interface Held {
  readonly generation: number
  readonly partitions: readonly TopicPartition[]
}

/**
 * A member that reads as a consumer does: it goes on at the committed offsets, finishes what it has
 * in hand when its partitions are taken, and commits it before it lets go.
 */
export class GroupReader {
  readonly client: LogClient
  readonly #options: ReaderOptions
  readonly #joined = Promise.withResolvers<GroupMembership>()
  /** What was assigned last, and not taken. */
  held: Held | null = null
  assignments = 0
  revocations = 0
  losses = 0
  failure: unknown = null
  #marks: readonly Mark[] = []
  #stop = new AbortController()
  #loop: Promise<void> = Promise.resolve()

  private constructor(client: LogClient, options: ReaderOptions) {
    this.client = client
    this.#options = options
  }

  static async join(options: ReaderOptions): Promise<GroupReader> {
    const client = await options.broker.openLog({ clientId: 'contract-reader' })
    const reader = new GroupReader(client, options)
    const { group, topics, sessionTimeoutMs } = options
    const membership = await client.join({
      group,
      topics,
      sessionTimeoutMs,
      onAssigned: (partitions, generation) => reader.#assigned({ partitions, generation }),
      onRevoking: async () => reader.#revoking(),
      onLost: () => reader.#lost(),
      onAway: () => {},
    })
    reader.#joined.resolve(membership)
    return reader
  }

  get membership(): Promise<GroupMembership> {
    return this.#joined.promise
  }

  /** Resolves when it holds so many partitions. */
  async holds(count: number): Promise<Held> {
    const isSo = (): boolean => this.held?.partitions.length === count
    await this.#options.observed.until(isSo, `a member holds ${count} partitions`)
    if (this.held === null) throw new Error('taken again')
    return this.held
  }

  /** Finishes what is in hand, commits it, and leaves. */
  async leave(): Promise<void> {
    await this.#drain()
    this.held = null
    await this.client.close()
    this.#options.observed.changed()
    if (this.failure !== null) throw this.failure
  }

  #assigned(held: Held): void {
    this.held = held
    this.assignments++
    this.#stop = new AbortController()
    if (this.#options.handle !== undefined) this.#loop = this.#read(held, this.#stop.signal)
    this.#options.observed.changed()
  }

  async #revoking(): Promise<void> {
    await this.#options.onRevoking?.()
    await this.#drain()
    this.held = null
    this.revocations++
    this.#options.observed.changed()
  }

  #lost(): void {
    this.#stop.abort()
    this.held = null
    this.#marks = []
    this.losses++
    this.#options.observed.changed()
  }

  async #drain(): Promise<void> {
    this.#stop.abort()
    await this.#loop
    const marks = this.#marks
    this.#marks = []
    if (marks.length > 0) await (await this.membership).commit(marks)
  }

  async #read(held: Held, signal: AbortSignal): Promise<void> {
    try {
      let positions = await this.#startingAt(held)
      while (!signal.aborted && positions.length > 0)
        positions = await this.#readPages(positions, held.generation, signal)
    } catch (error) {
      if (!signal.aborted) this.failure = error
    }
  }

  async #readPages(
    positions: readonly Position[],
    generation: number,
    signal: AbortSignal,
  ): Promise<readonly Position[]> {
    const next = new Map(positions.map((one) => [`${one.partition}/${one.topic}`, one]))
    for (const page of await this.client.fetch(positions, { ...FETCH, signal })) {
      if (page.error !== null) throw page.error
      const { topic, partition } = page
      for (const record of page.records) {
        if (signal.aborted) return []
        await this.#options.handle?.({ topic, partition }, record)
        this.#mark({ topic, partition, offset: record.offset + 1n, generation })
        this.#options.observed.changed()
      }
      next.set(`${partition}/${topic}`, { topic, partition, offset: page.nextOffset })
    }
    return [...next.values()]
  }

  async #startingAt({ partitions }: Held): Promise<readonly Position[]> {
    const committed = await (await this.membership).committed(partitions)
    const isCommitted = (at: TopicPartition): boolean =>
      committed.some(({ topic, partition }) => topic === at.topic && partition === at.partition)
    const fresh = partitions.filter((at) => !isCommitted(at))
    return [...committed, ...(await this.client.offsets(fresh, 'earliest'))]
  }

  #mark(mark: Mark): void {
    const others = this.#marks.filter(
      ({ topic, partition }) => topic !== mark.topic || partition !== mark.partition,
    )
    this.#marks = [...others, mark]
  }
}

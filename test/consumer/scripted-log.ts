import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Codec, LogRecord } from '../../src/core/codec.ts'
import type {
  FetchOptions,
  GroupMembership,
  JoinOptions,
  LogClient,
  Mark,
  Page,
  Position,
  TopicPartition,
} from '../../src/core/log.ts'

export const topic: string = 't'

/** A log in memory, of one topic, whose group does what the test says. */
export class ScriptedLog implements LogClient {
  readonly records: LogRecord[][]
  readonly commits: Mark[][] = []
  readonly offsetsOf: Map<number, bigint> = new Map()
  /** How many records a fetch brings of a partition. */
  pageSize: number = 10
  fetches = 0
  /** Which partitions the fetches asked for, and how long they would wait. */
  readonly asked: { readonly partitions: readonly number[]; readonly maxWaitMs: number }[] = []
  isClosed = false
  generation = 0
  /** Instead of what is asked for; it may throw. */
  beforeFetch: (signal: AbortSignal) => Promise<void> | void = () => {}
  beforePage: (partition: number) => Page['error'] = () => null
  /** `false`: refused. */
  beforeCommit: (marks: readonly Mark[]) => Promise<boolean> | boolean = () => true
  /** What the member is told of its session: `null` while it certainly runs. */
  heard: () => Promise<void> | null = () => null
  #owned: readonly TopicPartition[] = []
  #join: JoinOptions | null = null
  #committing = 0
  #changed: PromiseWithResolvers<void> = Promise.withResolvers<void>()

  constructor(counts: readonly number[]) {
    this.records = counts.map((count) => Array.from({ length: count }, (_, n) => recordAt(n)))
  }

  add(partition: number, count = 1): void {
    const records = this.records[partition] ?? []
    for (let n = 0; n < count; n++) records.push(recordAt(records.length))
    this.#wake()
  }

  async partitions(): Promise<readonly TopicPartition[]> {
    return Promise.resolve(this.records.map((_, partition) => ({ topic, partition })))
  }

  async offsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest' | Date,
  ): Promise<readonly Position[]> {
    return Promise.resolve(
      partitions.map((one) => {
        const end = this.records[one.partition]?.length ?? 0
        return { ...one, offset: at === 'earliest' ? 0n : BigInt(end) }
      }),
    )
  }

  async join(options: JoinOptions): Promise<GroupMembership> {
    this.#join = options
    this.assign(await this.partitions())
    return {
      committed: async (partitions) =>
        Promise.resolve(
          partitions.flatMap((one) => {
            const offset = this.offsetsOf.get(one.partition)
            return offset === undefined ? [] : { ...one, offset }
          }),
        ),
      commit: async (marks) => this.#commit(marks),
      heard: () => this.heard(),
      leave: async () => Promise.resolve(),
    }
  }

  async fetch(positions: readonly Position[], options: FetchOptions): Promise<readonly Page[]> {
    this.fetches += 1
    const { maxWaitMs } = options
    this.asked.push({ partitions: positions.map(({ partition }) => partition), maxWaitMs })
    for (;;) {
      options.signal.throwIfAborted()
      await this.beforeFetch(options.signal)
      const changed = this.#changed.promise
      const pages = positions.map((position) => this.#page(position))
      if (pages.some((page) => page.records.length > 0 || page.error !== null)) return pages
      const waited = sleep(options.maxWaitMs, 'waited', { signal: options.signal })
      if ((await Promise.race([changed, waited])) === 'waited') return pages
    }
  }

  async close(): Promise<void> {
    this.isClosed = true
    return Promise.resolve()
  }

  /** Gives the member these partitions of the next generation. */
  assign(partitions: readonly TopicPartition[]): void {
    this.#owned = partitions
    this.generation += 1
    this.#join?.onAssigned(partitions, this.generation)
  }

  async revoke(signal: AbortSignal = new AbortController().signal): Promise<void> {
    await this.#join?.onRevoking(this.#owned, signal)
    this.#owned = []
  }

  /** Expels the member. */
  lose(): void {
    const lost = this.#owned
    this.#owned = []
    this.#join?.onLost(lost)
  }

  #page({ partition, offset }: Position): Page {
    const error = this.beforePage(partition)
    const all = this.records[partition] ?? []
    const from = Number(offset)
    const records = error === null ? all.slice(from, from + this.pageSize) : []
    return {
      topic,
      partition,
      records,
      nextOffset: BigInt(from + records.length),
      endOffset: BigInt(all.length),
      error,
    }
  }

  /** What every test holds: one commit at a time, of what the member owns, and never a lower mark. */
  async #commit(marks: readonly Mark[]): Promise<boolean> {
    assert.equal(this.#committing, 0, 'one commit at a time')
    this.#committing += 1
    try {
      const owned = marks.filter((mark) => this.#owns(mark))
      if (!(await this.beforeCommit(marks))) return false
      for (const { partition, offset } of owned) {
        assert.ok(offset >= (this.offsetsOf.get(partition) ?? 0n), 'no mark goes back')
        this.offsetsOf.set(partition, offset)
      }
      this.commits.push([...marks])
      return owned.length === marks.length
    } finally {
      this.#committing -= 1
    }
  }

  #owns(mark: Mark): boolean {
    return (
      mark.generation === this.generation &&
      this.#owned.some(({ partition }) => partition === mark.partition)
    )
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }
}

function recordAt(offset: number): LogRecord {
  const value = Buffer.from(String(offset))
  return { offset: BigInt(offset), timestamp: 0, key: null, value, headers: [] }
}

/** Reads anything. */
export const plainCodec: Codec = {
  name: 'plain',
  encode: () => {
    throw new Error('nothing is sent here')
  },
  decode: ({ value, headers }) => ({
    uuid: undefined,
    timestamp: undefined,
    key: null,
    msgType: 'T',
    mimeType: 'text/plain',
    headers,
    payload: value,
  }),
}

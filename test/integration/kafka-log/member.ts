// A member of a group in a process of its own: a small reading loop, told by lines on stdin, that
// tells what it does in lines on stdout.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  GroupMembership,
  LogClient,
  Mark,
  Position,
  TopicPartition,
} from '../../../src/core/log.ts'
import type { MemberEvent, MemberOptions } from './members.ts'
import { fetchOptions, openLog } from './reading.ts'

const options = JSON.parse(process.argv[2] ?? '{}') as MemberOptions

function tell(event: MemberEvent): void {
  process.stdout.write(`${JSON.stringify({ at: Number(process.hrtime.bigint()), ...event })}\n`)
}

class Member {
  readonly #log: LogClient
  readonly #gate = createInterface({ input: process.stdin })
  #membership: GroupMembership | null = null
  #positions: Position[] = []
  #marks = new Map<string, Mark>()
  #round = new AbortController()
  #inHand: Promise<void> = Promise.resolve()
  #committing: Promise<void> | null = null
  #leaving = false
  #allowed = 0

  constructor(log: LogClient) {
    this.#log = log
    this.#gate.on('line', (line) => {
      if (line === 'leave') void this.#leave()
      if (line === 'go') {
        this.#allowed++
        this.#gate.emit('go')
      }
    })
  }

  async run(): Promise<void> {
    const membership = await this.#log.join({
      group: options.group,
      topics: options.topics,
      sessionTimeoutMs: options.sessionTimeoutMs,
      onAssigned: (partitions, generation) => {
        tell({ event: 'assigned', partitions: [...partitions], generation })
        this.#round = new AbortController()
        void this.#read(partitions, this.#round.signal, generation)
      },
      onRevoking: async (partitions) => {
        tell({ event: 'revoking', partitions: [...partitions] })
        await this.#drain()
      },
      onLost: (partitions) => {
        tell({ event: 'lost', partitions: [...partitions] })
        this.#round.abort()
        this.#marks.clear()
      },
      onAway: (error) => tell({ event: 'away', error: error?.message ?? null }),
    })
    this.#membership = membership
  }

  async #read(
    partitions: readonly TopicPartition[],
    signal: AbortSignal,
    generation: number,
  ): Promise<void> {
    while (this.#membership === null) await sleep(1)
    try {
      const committed = await this.#membership.committed(partitions)
      const earliest = await this.#log.offsets(partitions, 'earliest')
      this.#positions = earliest.map(
        (at) =>
          committed.find((one) => one.topic === at.topic && one.partition === at.partition) ?? at,
      )
      while (!signal.aborted) await this.#readPage(signal, generation)
    } catch (error) {
      if (!signal.aborted) tell({ event: 'failed', error: String(error) })
    }
  }

  async #readPage(signal: AbortSignal, generation: number): Promise<void> {
    const pages = await this.#fetch(signal)
    for (const page of pages) {
      if (page.error !== null) throw page.error
      const { topic, partition } = page
      for (const { offset } of page.records) {
        if (signal.aborted) return
        this.#inHand = this.#handle({ topic, partition, offset })
        await this.#inHand
        this.#mark({ topic, partition, offset: offset + 1n, generation })
      }
      if (signal.aborted) return
      this.#mark({ topic, partition, offset: page.nextOffset, generation })
      this.#positions = this.#positions.map((at) =>
        at.topic === topic && at.partition === partition ? { ...at, offset: page.nextOffset } : at,
      )
    }
  }

  async #fetch(signal: AbortSignal): ReturnType<LogClient['fetch']> {
    try {
      if (this.#positions.length === 0) await once(signal, 'abort')
      return await this.#log.fetch(this.#positions, { ...fetchOptions, signal })
    } catch (error) {
      if (signal.aborted || (error as { kind?: string }).kind !== 'away') throw error
      return []
    }
  }

  async #handle({ topic, partition, offset }: Position): Promise<void> {
    if (options.gated === true) {
      tell({ event: 'inHand', topic, partition, offset: Number(offset) })
      while (this.#allowed === 0) await once(this.#gate, 'go')
      this.#allowed--
    } else if (options.handleMs > 0) await sleep(options.handleMs)
    tell({ event: 'handled', topic, partition, offset: Number(offset) })
  }

  #mark(mark: Mark): void {
    this.#marks.set(`${mark.topic}:${mark.partition}`, mark)
    this.#committing ??= this.#commitMarks()
  }

  /** Single flight, the newest marks. */
  async #commitMarks(): Promise<void> {
    try {
      while (this.#marks.size > 0) {
        const marks = [...this.#marks.values()]
        this.#marks.clear()
        const taken = (await this.#membership?.commit(marks)) ?? false
        if (!taken || options.gated === true)
          tell({ event: 'committed', taken, offsets: marks.map((one) => Number(one.offset)) })
      }
    } catch (error) {
      tell({ event: 'failed', error: String(error) })
    } finally {
      this.#committing = null
    }
  }

  async #drain(): Promise<void> {
    this.#round.abort()
    await this.#inHand
    // The loop marks what it has just handled in the turns behind this one.
    await sleep(0)
    await this.#committing
  }

  async #leave(): Promise<void> {
    if (this.#leaving) return
    this.#leaving = true
    await this.#drain()
    await this.#log.close()
    tell({ event: 'left' })
    this.#gate.close()
    process.stdin.destroy()
  }
}

const { address, groupProtocol = 'classic' } = options
await new Member(await openLog({ address, host: '', port: 0 }, { groupProtocol })).run()

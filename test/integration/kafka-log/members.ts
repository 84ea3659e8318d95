import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { GroupProtocol } from '../../../src/brokers/kafka/kafka-options.ts'
import type { TopicPartition } from '../../../src/core/log.ts'

export interface MemberOptions {
  readonly address: string
  readonly group: string
  readonly topics: readonly string[]
  readonly sessionTimeoutMs: number
  readonly groupProtocol?: GroupProtocol
  /** How long each record is handled. */
  readonly handleMs: number
  /** Each record is handled when it is told to go. */
  readonly gated?: boolean
}

export type MemberEvent =
  | { event: 'assigned'; partitions: TopicPartition[]; generation: number }
  | { event: 'revoking' | 'lost'; partitions: TopicPartition[] }
  | { event: 'inHand' | 'handled'; topic: string; partition: number; offset: number }
  | { event: 'committed'; taken: boolean; offsets: number[] }
  | { event: 'away'; error: string | null }
  | { event: 'failed'; error: string }
  | { event: 'left' }

/** What a member told, when, by the clock that all processes share. */
export type Told = MemberEvent & { readonly at: number; readonly member: string }

type Handled = Extract<Told, { event: 'inHand' | 'handled' }>

/** Members of groups, each a process of its own, and what they told. */
export class Members implements AsyncDisposable {
  readonly told: Told[] = []
  readonly #processes = new Map<string, ChildProcess>()
  #told = Promise.withResolvers<void>()

  /** Starts a member; it has joined when it tells of an assignment. */
  start(member: string, options: MemberOptions): void {
    const child = spawn(
      process.execPath,
      [`${import.meta.dirname}/member.ts`, JSON.stringify(options)],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    this.#processes.set(member, child)
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.told.push({ ...(JSON.parse(line) as Told), member })
      this.#told.resolve()
      this.#told = Promise.withResolvers()
    })
  }

  /** Waits until what was told so far makes `isTrue` true. */
  async until(
    what: string,
    isTrue: (told: readonly Told[]) => boolean,
    ms = 30_000,
  ): Promise<void> {
    const late = AbortSignal.timeout(ms)
    while (!isTrue(this.told)) {
      if (late.aborted) throw new Error(`not within ${ms} ms: ${what}\n${this.#tail()}`)
      const tick = new Promise((resolve) => setTimeout(resolve, 200).unref())
      await Promise.race([this.#told.promise, tick])
    }
  }

  /** Waits until each of these members owns something, and all together own `count` partitions. */
  async untilOwned(count: number, members: readonly string[]): Promise<void> {
    await this.until(`${count} partitions owned by ${members.join(', ')}`, () => {
      const owned = members.map((member) => this.owned(member).length)
      return owned.every((n) => n > 0) && owned.reduce((sum, n) => sum + n, 0) === count
    })
  }

  /** What a member owns by what it told. */
  owned(member: string): readonly TopicPartition[] {
    const last = this.told.findLast(
      (one) =>
        one.member === member && ['assigned', 'revoking', 'lost', 'left'].includes(one.event),
    )
    return last?.event === 'assigned' ? last.partitions : []
  }

  write(member: string, line: 'go' | 'leave'): void {
    this.#processes.get(member)?.stdin?.write(`${line}\n`)
  }

  async leave(member: string): Promise<void> {
    const child = this.#processes.get(member)
    this.write(member, 'leave')
    if (child?.exitCode === null) await once(child, 'exit')
    this.#processes.delete(member)
  }

  signal(member: string, signal: NodeJS.Signals): void {
    this.#processes.get(member)?.kill(signal)
  }

  /** Records handled more than once, and those handled behind a younger one of their partition. */
  faults(): { handled: number; twice: string[]; backwards: string[]; failed: Told[] } {
    const handled = this.told
      .filter((one): one is Handled => one.event === 'handled')
      .toSorted((a, b) => a.at - b.at)
    const seen = new Set<string>()
    const newest = new Map<string, number>()
    const twice: string[] = []
    const backwards: string[] = []
    for (const { topic, partition, offset, member } of handled) {
      const key = `${topic}:${partition}`
      if (seen.has(`${key}:${offset}`)) twice.push(`${key}:${offset} by ${member}`)
      if (offset < (newest.get(key) ?? -1)) backwards.push(`${key}:${offset} by ${member}`)
      seen.add(`${key}:${offset}`)
      newest.set(key, offset)
    }
    const failed = this.told.filter((one) => one.event === 'failed')
    return { handled: seen.size, twice, backwards, failed }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes.values()) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
  }

  #tail(): string {
    const counts = new Map<string, number>()
    for (const one of this.told) {
      const at = 'partition' in one ? ` ${one.topic}:${one.partition}` : ''
      const what = `${one.member} ${one.event}${at}`
      counts.set(what, (counts.get(what) ?? 0) + 1)
    }
    const last = this.told.slice(-12).map((one) => JSON.stringify(one))
    return [...Array.from(counts, ([what, count]) => `${count} x ${what}`), ...last].join('\n')
  }
}

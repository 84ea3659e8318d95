import { setTimeout as sleep } from 'node:timers/promises'
import type { EventStream } from '../../../src/consumer/stream/event-stream.ts'
import type { ReceivedEvent } from '../../../src/consumer/received-event.ts'
import type { Logger } from '../../../src/core/logger.ts'

export function numbers(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, n) => String(n + from))
}

/** Handles so many events, and leaves. */
export async function take(stream: EventStream, count: number): Promise<string[]> {
  const got: string[] = []
  for await (const event of stream) {
    got.push(event.text())
    if (got.length < count) continue
    await event.ack()
    break
  }
  return got
}

/** Looks every few milliseconds: for what a stream has no signal for. */
export async function eventually(what: string, isSo: () => boolean, ms = 20_000): Promise<void> {
  for (const deadline = performance.now() + ms; !isSo(); await sleep(5))
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`)
}

/** A loop over a stream that runs beside the test. */
export class Loop {
  readonly got: string[] = []
  readonly stream: EventStream
  readonly ended: Promise<void>

  constructor(
    stream: EventStream,
    handle: (event: ReceivedEvent) => Promise<void> | void = () => {},
  ) {
    this.stream = stream
    this.ended = this.#run(handle)
    this.ended.catch(() => {})
  }

  async handled(count: number): Promise<void> {
    await eventually(`${count} are handled, not ${this.got.length}`, () => this.got.length >= count)
  }

  async running(): Promise<void> {
    await eventually('the stream runs', () => this.stream.health().state === 'running')
  }

  async end(): Promise<void> {
    await this.stream.close()
    await this.ended
  }

  async #run(handle: (event: ReceivedEvent) => Promise<void> | void): Promise<void> {
    for await (const event of this.stream) {
      await handle(event)
      this.got.push(event.text())
    }
  }
}

/** A gate that a handler stands before until the test opens it. */
export class Gate {
  readonly #reached = Promise.withResolvers<void>()
  readonly #open = Promise.withResolvers<void>()

  async pass(): Promise<void> {
    this.#reached.resolve()
    await this.#open.promise
  }

  get reached(): Promise<void> {
    return this.#reached.promise
  }

  open(): void {
    this.#open.resolve()
  }
}

/** Keeps what was logged. */
export class MemoryLogger implements Logger {
  readonly lines: string[] = []

  debug(): void {}

  info(message: string): void {
    this.lines.push(`info ${message}`)
  }

  warn(message: string): void {
    this.lines.push(`warn ${message}`)
  }

  error(message: string): void {
    this.lines.push(`error ${message}`)
  }

  at(level: 'info' | 'warn' | 'error'): string[] {
    return this.lines.filter((line) => line.startsWith(level))
  }
}

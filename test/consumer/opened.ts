import { EventStream } from '../../src/consumer/stream/event-stream.ts'
import type { StreamOptions } from '../../src/consumer/stream/options.ts'
import type { LogClient } from '../../src/core/log.ts'
import { MemoryLogger } from '../integration/stream/reading.ts'
import { plainCodec, type ScriptedLog, topic } from './scripted-log.ts'

export const group: string = 'g'

export interface Opened {
  readonly stream: EventStream
  readonly logger: MemoryLogger
}

/** A stream that has not started. */
export function open(
  log: ScriptedLog,
  options: StreamOptions = { group },
  openLog: () => Promise<LogClient> = async () => Promise.resolve(log),
): Opened {
  const logger = new MemoryLogger()
  const parts = { broker: { openLog }, codecFor: () => plainCodec, logger }
  return { stream: new EventStream(parts, topic, options), logger }
}

/** Asks for so many events. */
export async function offsetsOf(stream: EventStream, count: number): Promise<number[]> {
  const got: number[] = []
  while (got.length < count) {
    const { value } = await stream.next()
    if (value === undefined) break
    got.push(Number(value.offset))
  }
  return got
}

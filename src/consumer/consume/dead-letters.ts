import type { Producer } from '../../core/broker.ts'
import type { WireRecord } from '../../core/codec.ts'
import { reasonOf } from '../../core/errors.ts'
import type { Entry } from './entry.ts'

const PREFIX = 'oncommit-dead-'
/** How many headers say what happened: the last ones. */
const ABOUT = 10

/** Where an event came from that is a dead letter. */
export interface Provenance {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: number
}

/** The topic of a group's dead letters. */
export function deadLetterTopic(topic: string, group: string): string {
  return `${topic}.${group}.dead`
}

export interface DeadLettersParts {
  readonly producer: Producer
  readonly group: string
  /** For all topics; `null`: one for each. */
  readonly topic: string | null
  /** The records are dead letters already: those that fail again keep where they came from. */
  readonly isRedrive: boolean
}

/** Writes dead letters: value, key and headers as they were, and behind these where it came from and why. */
export class DeadLetters {
  readonly #parts: DeadLettersParts

  constructor(parts: DeadLettersParts) {
    this.#parts = parts
  }

  /** Resolves when all replicas have it. */
  async send(entry: Entry, error: unknown): Promise<void> {
    const { producer, group, topic, isRedrive } = this.#parts
    const { key, value, headers } = entry.record
    const old = isRedrive ? provenanceOf(entry.record) : null
    const from = old ?? {
      topic: entry.topic,
      partition: entry.partition,
      offset: entry.record.offset,
      timestamp: entry.record.timestamp,
    }
    const about: Record<string, string | number | bigint> = {
      topic: from.topic,
      partition: from.partition,
      offset: from.offset,
      timestamp: from.timestamp,
      group,
      attempts: entry.attempts,
      reason: reasonOf(error),
      error: error instanceof Error ? error.name : typeof error,
      'first-failed': entry.firstFailedAt,
      'last-failed': entry.lastFailedAt,
    }
    await producer.send({
      topic: topic ?? deadLetterTopic(from.topic, group),
      key,
      value,
      headers: [
        ...(old === null ? headers : ownHeaders({ headers })),
        ...Object.entries(about).map(
          ([name, text]) => [PREFIX + name, Buffer.from(String(text))] as const,
        ),
      ],
    })
  }
}

/** Where a dead letter came from; `null` for a record that is none. */
export function provenanceOf({ headers }: Pick<WireRecord, 'headers'>): Provenance | null {
  const found = new Map(headers.map(([name, value]) => [name, value.toString()]))
  const read = (name: string): string | undefined => found.get(PREFIX + name)
  const [topic, offset] = [read('topic'), read('offset')]
  if (topic === undefined || offset === undefined || !/^\d+$/.test(offset)) return null
  return {
    topic,
    partition: Number(read('partition')),
    offset: BigInt(offset),
    timestamp: Number(read('timestamp')),
  }
}

/** The headers that the record had before it became a dead letter. */
export function ownHeaders({ headers }: Pick<WireRecord, 'headers'>): WireRecord['headers'] {
  const isOurs = ([name]: readonly [string, Buffer]): boolean => name.startsWith(PREFIX)
  const first = headers.length - ABOUT
  return headers.slice(first).every(isOurs) ? headers.slice(0, first) : headers
}

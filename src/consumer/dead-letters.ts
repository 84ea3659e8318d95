import type { Broker, Producer, TopicRecord } from '../core/broker.ts'
import type { LogRecord, WireRecord } from '../core/codec.ts'
import { reasonOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { BrokenRecord } from './broken.ts'

const PREFIX = 'oncommit-dead-'
/** How many headers say what happened: the last ones. */
const ABOUT = 10

/** Where an event came from that is a dead letter. */
export interface Provenance {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: number
  /** The group that gave it up. */
  readonly group: string | undefined
}

/** The topic of a group's dead letters. */
export function deadLetterTopic(topic: string, group: string): string {
  return `${topic}.${group}.dead`
}

/** A record that is to be a dead letter, and what is known of its failures. */
export interface Letter {
  readonly topic: string
  readonly partition: number
  readonly record: LogRecord
  readonly attempts: number
  readonly firstFailedAt: number
  readonly lastFailedAt: number
}

export interface DeadLettersParts {
  readonly broker: Pick<Broker, 'openProducer'>
  readonly logger: Logger
  readonly group: string
  /** For all topics; `null`: one for each. */
  readonly topic: string | null
  /** The records are dead letters already: those that fail again keep where they came from. */
  readonly isRedrive: boolean
}

/**
 * Writes a group's dead letters: value, key and headers as they were, and behind these where it came
 * from and why. It connects with the first one.
 */
export class DeadLetters {
  readonly #parts: DeadLettersParts
  readonly #closing = new AbortController()
  #producer: Promise<Producer> | null = null
  #isAway = false

  constructor(parts: DeadLettersParts) {
    this.#parts = parts
  }

  /** Resolves when all replicas have it. */
  async send(letter: Letter, error: unknown): Promise<void> {
    this.#producer ??= this.#open()
    let producer: Producer
    try {
      producer = await this.#producer
    } catch (cause) {
      this.#producer = null
      throw cause
    }
    await producer.send(this.#recordOf(letter, error))
  }

  /** Resolves when all replicas have a record that no codec reads. */
  sendBroken({ topic, partition, ...record }: BrokenRecord, reason: unknown): Promise<void> {
    const now = Date.now()
    const failed = { attempts: 1, firstFailedAt: now, lastFailedAt: now }
    return this.send({ topic, partition, record, ...failed }, reason)
  }

  /** What is under way rejects. */
  close(): void {
    this.#closing.abort()
  }

  #open(): Promise<Producer> {
    const { broker, group, logger } = this.#parts
    return broker.openProducer({
      clientId: `oncommit-${group}-dead`,
      signal: this.#closing.signal,
      onAway: (away) => {
        if (away !== null && !this.#isAway)
          logger.warn(`oncommit: a dead letter waits for the broker: ${reasonOf(away)}`)
        this.#isAway = away !== null
      },
    })
  }

  #recordOf(letter: Letter, error: unknown): TopicRecord {
    const { group, topic, isRedrive } = this.#parts
    const { key, value, headers } = letter.record
    const old = isRedrive ? provenanceOf(letter.record) : null
    const from = old ?? {
      topic: letter.topic,
      partition: letter.partition,
      offset: letter.record.offset,
      timestamp: letter.record.timestamp,
    }
    const about: Record<string, string | number | bigint> = {
      topic: from.topic,
      partition: from.partition,
      offset: from.offset,
      timestamp: from.timestamp,
      group,
      attempts: letter.attempts,
      reason: reasonOf(error),
      error: error instanceof Error ? error.name : typeof error,
      'first-failed': letter.firstFailedAt,
      'last-failed': letter.lastFailedAt,
    }
    return {
      topic: topic ?? deadLetterTopic(from.topic, group),
      key,
      value,
      headers: [
        ...(old === null ? headers : ownHeaders({ headers })),
        ...Object.entries(about).map(
          ([name, text]) => [PREFIX + name, Buffer.from(String(text))] as const,
        ),
      ],
    }
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
    group: read('group'),
  }
}

/** The headers that the record had before it became a dead letter. */
export function ownHeaders({ headers }: Pick<WireRecord, 'headers'>): WireRecord['headers'] {
  const isOurs = ([name]: readonly [string, Buffer]): boolean => name.startsWith(PREFIX)
  const first = headers.length - ABOUT
  return headers.slice(first).every(isOurs) ? headers.slice(0, first) : headers
}

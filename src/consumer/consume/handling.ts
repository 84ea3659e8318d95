import type { Codec } from '../../core/codec.ts'
import { type ErrorCode, OncommitError, OptionError } from '../../core/errors.ts'
import { type Inbox, inboxUuid } from '../../core/inbox.ts'
import { isUuid, uuidv7 } from '../../core/uuid.ts'
import { type BrokenRecord, judge } from '../broken.ts'
import { ownHeaders, type Provenance, provenanceOf } from '../dead-letters.ts'
import { PartitionMark } from '../reading/marks.ts'
import { ReceivedEvent } from '../received-event.ts'
import type { Entry } from './entry.ts'
import type { ConsumeSettings } from './options.ts'
import type { Outcome } from './outcome.ts'
import type { Run } from './runs.ts'

/** What a handler gets beside its events. */
export interface HandlerContext<Tx = unknown> {
  /** Aborts when the handler takes longer than `timeout`, or when what it does counts no more. */
  readonly signal: AbortSignal
  /** The inbox's transaction; `undefined` without an inbox. It is committed when the handler ends. */
  readonly tx: Tx
  /** From 1: how often the first of the events was given to a handler here. */
  readonly attempt: number
}

/** `T` is what `event.data` is. */
export type Handler<Tx = unknown, T = unknown> = (
  event: ReceivedEvent<T>,
  context: HandlerContext<Tx>,
) => unknown

export type BatchHandler<Tx = unknown, T = unknown> = (
  events: readonly ReceivedEvent<T>[],
  context: HandlerContext<Tx>,
) => unknown

export interface HandlingParts {
  readonly settings: ConsumeSettings
  readonly codecFor: (topic: string) => Codec
  readonly handler: BatchHandler<never, never>
  readonly inbox: Inbox | null
  /** The records are dead letters: each is given as the event that it was. */
  readonly isRedrive: boolean
  readonly onDuplicates: (count: number) => void
}

/** Failures of an inbox that are no event's: the database is away, not migrated, or closed. */
const AWAY: ReadonlySet<ErrorCode> = new Set([
  'ONCOMMIT_STORE',
  'ONCOMMIT_SCHEMA',
  'ONCOMMIT_UNSAFE_STORE',
  'ONCOMMIT_PEER_MISSING',
  'ONCOMMIT_STOPPED',
])

/** Acknowledging is the handler's return. */
const NOTHING_TO_ACKNOWLEDGE = { acknowledge: () => Promise.resolve() }

const HANDLED_ONE: Outcome = { state: 'handled', count: 1 }

function handled(count: number): Outcome {
  return count === 1 ? HANDLED_ONE : { state: 'handled', count }
}

function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as { then?: unknown } | null | undefined)?.then === 'function'
}

/** The codec of a typed topic has seen to it that their data are what the handler takes. */
function typed(events: readonly ReceivedEvent[]): readonly ReceivedEvent<never>[] {
  return events as readonly ReceivedEvent<never>[]
}

/** A class, as a getter in a literal costs twice as much. */
class Context implements HandlerContext<never> {
  readonly tx: never
  readonly attempt: number
  readonly #run: Run

  constructor(run: Run, tx: unknown) {
    this.tx = tx as never
    this.attempt = run.entries[0].attempts + 1
    this.#run = run
  }

  get signal(): AbortSignal {
    return this.#run.signal
  }
}

/** Makes events of records, and calls the handler with them: in the inbox's transaction, if there is one. */
export class Handling {
  readonly #parts: HandlingParts
  /** What a replay's events are known by, beside what they are: once in each replay. */
  readonly #replay: string | null

  constructor(parts: HandlingParts) {
    this.#parts = parts
    this.#replay = parts.settings.replay === 'again' ? uuidv7() : null
  }

  /** Gives no promise where the handler gives none. */
  call(run: Run): Outcome | Promise<Outcome> {
    const events: ReceivedEvent[] = []
    for (const entry of run.entries) {
      const found = this.#read(entry)
      if (found instanceof ReceivedEvent) events.push(found)
      // What is before a broken one comes first, and then that one alone.
      else if (events.length > 0) break
      else return this.#judged(run, found)
    }
    return this.#handle(run, events)
  }

  #handle(run: Run, events: readonly ReceivedEvent[]): Outcome | Promise<Outcome> {
    const { inbox, handler } = this.#parts
    if (inbox !== null) return this.#handleOnce(inbox, run, events)
    try {
      const result = handler(typed(events), new Context(run, undefined))
      return isThenable(result) ? this.#settled(result, events.length) : handled(events.length)
    } catch (error) {
      return { state: 'failed', error, count: events.length }
    }
  }

  async #settled(result: PromiseLike<unknown>, count: number): Promise<Outcome> {
    try {
      await result
      return handled(count)
    } catch (error) {
      return { state: 'failed', error, count }
    }
  }

  async #handleOnce(inbox: Inbox, run: Run, events: readonly ReceivedEvent[]): Promise<Outcome> {
    const give = async (fresh: readonly ReceivedEvent[], tx: unknown): Promise<void> => {
      await this.#parts.handler(typed(fresh), new Context(run, tx))
    }
    try {
      return await this.#once(inbox, events, give)
    } catch (error) {
      return { state: 'failed', error, count: events.length }
    }
  }

  /** Throws what the handler threw; a failure of the inbox itself is no event's. */
  async #once(
    inbox: Inbox,
    events: readonly ReceivedEvent[],
    give: (given: readonly ReceivedEvent[], tx: unknown) => Promise<void>,
  ): Promise<Outcome> {
    const { settings, onDuplicates } = this.#parts
    const known = events.map((event) => this.#uuidOf(event).toLowerCase())
    const noted = this.#replay === null ? known : known.map((uuid) => this.#replayed(uuid))
    const all = this.#replay === null ? known : [...known, ...noted]
    let thrown: { readonly error: unknown } | null = null
    let given = 0
    try {
      await inbox.once(settings.group, all, async (tx, fresh) => {
        const seen = new Set<string>()
        const isNew = noted.map((uuid) => fresh.has(uuid) && !seen.has(uuid) && !!seen.add(uuid))
        const news = events.filter((_, at) => isNew[at])
        given = news.length
        try {
          if (news.length > 0) await give(news, tx)
        } catch (error) {
          thrown = { error }
          throw error
        }
      })
    } catch (error) {
      const own = thrown as { readonly error: unknown } | null
      if (own !== null && own.error === error) return this.#rolledBack(events, error)
      if (error instanceof OncommitError && AWAY.has(error.code)) return { state: 'away', error }
      throw error
    }
    onDuplicates(events.length - given)
    return { state: 'handled', count: events.length }
  }

  /** With its transaction everything before a failed event was undone, too. */
  #rolledBack(events: readonly ReceivedEvent[], error: unknown): Outcome {
    return { state: 'failed', error, count: events.length, isUndone: true }
  }

  #uuidOf(event: ReceivedEvent): string {
    const { inboxKey } = this.#parts.settings
    if (inboxKey !== null) return requireUuid(inboxKey(event))
    const { uuid, topic, partition, offset, publishedAt } = event
    const [source, id] = [event.header('ce_source'), event.header('ce_id')]
    return inboxUuid({ uuid, source, id, topic, partition, offset, publishedAt })
  }

  #replayed(uuid: string): string {
    const nowhere = { topic: '', partition: 0, offset: 0n, publishedAt: new Date(0) }
    return inboxUuid({ uuid: undefined, source: this.#replay ?? '', id: uuid, ...nowhere })
  }

  /** The event, or the record that none is made of. */
  #read(entry: Entry): ReceivedEvent | BrokenRecord {
    const { codecFor, isRedrive } = this.#parts
    const from = isRedrive ? provenanceOf(entry.record) : null
    if (from !== null) return this.#readDead(entry, from)
    const { topic, partition, record } = entry
    try {
      entry.decoded ??= { decoded: codecFor(topic).decode(record, topic) }
    } catch (cause) {
      return { ...record, topic, partition, cause }
    }
    const { decoded, broken } = entry.decoded
    return new ReceivedEvent(entry, decoded, record.timestamp, NOTHING_TO_ACKNOWLEDGE, broken)
  }

  /** The event that a dead letter was. */
  #readDead(entry: Entry, from: Provenance): ReceivedEvent | BrokenRecord {
    const { topic, offset, timestamp } = from
    const record = { ...entry.record, headers: ownHeaders(entry.record) }
    try {
      entry.decoded ??= { decoded: this.#parts.codecFor(topic).decode(record, topic) }
    } catch (cause) {
      return { ...record, ...from, cause }
    }
    const { decoded, broken } = entry.decoded
    const delivery = new PartitionMark(from, { offset, generation: 0 }).deliver(offset)
    return new ReceivedEvent(delivery, decoded, timestamp, NOTHING_TO_ACKNOWLEDGE, broken)
  }

  async #judged(run: Run, record: BrokenRecord): Promise<Outcome> {
    const [entry] = run.entries
    try {
      const judgement = await judge(this.#parts.settings.onBroken, record)
      switch (judgement.state) {
        case 'event':
          entry.decoded = judgement
          return await this.call(run)
        case 'skip':
          return { state: 'skipped' }
        case 'deadLetter':
          return { state: 'dead', error: record.cause }
        case 'stop':
        default:
          return { state: 'over', error: judgement.error }
      }
    } catch (error) {
      return { state: 'failed', error, count: 1 }
    }
  }
}

function requireUuid(key: unknown): string {
  if (typeof key === 'string' && isUuid(key)) return key
  throw new OptionError('consume.inboxKey', key, 'a function that gives a UUID')
}

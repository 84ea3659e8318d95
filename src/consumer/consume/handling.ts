import type { Codec } from '../../core/codec.ts'
import { StoreError } from '../../core/errors.ts'
import { type Inbox, inboxUuid } from '../../core/inbox.ts'
import { uuidv7 } from '../../core/uuid.ts'
import { type BrokenRecord, judge, type Mended } from '../broken.ts'
import { ownHeaders, type Provenance, provenanceOf } from '../dead-letters.ts'
import { PartitionMark } from '../marks.ts'
import { ReceivedEvent } from '../received-event.ts'
import type { Outcome } from './dispatcher.ts'
import type { Entry } from './partition-work.ts'
import type { ConsumeSettings } from './options.ts'
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

export type Handler<Tx = unknown> = (event: ReceivedEvent, context: HandlerContext<Tx>) => unknown

export type BatchHandler<Tx = unknown> = (
  events: readonly ReceivedEvent[],
  context: HandlerContext<Tx>,
) => unknown

export interface HandlingParts {
  readonly settings: ConsumeSettings
  readonly codecFor: (topic: string) => Codec
  readonly handler: BatchHandler<never>
  readonly inbox: Inbox | null
  /** The records are dead letters: each is given as the event that it was. */
  readonly isRedrive: boolean
  readonly onDuplicates: (count: number) => void
}

/** Acknowledging is the handler's return. */
const NOTHING_TO_ACKNOWLEDGE = { acknowledge: () => Promise.resolve() }

/** Makes events of records, and calls the handler with them: in the inbox's transaction, if there is one. */
export class Handling {
  readonly #parts: HandlingParts
  /** What a replay's events are known by, beside what they are: once in each replay. */
  readonly #replay: string | null

  constructor(parts: HandlingParts) {
    this.#parts = parts
    this.#replay = parts.settings.replay === 'again' ? uuidv7() : null
  }

  /** Never rejects. */
  async call(run: Run): Promise<Outcome> {
    const events: ReceivedEvent[] = []
    for (const entry of run.entries) {
      const found = await this.#read(entry)
      // What is before one that is no event comes first, and then that one alone.
      if (!(found instanceof ReceivedEvent))
        return events.length > 0 ? this.#handle(run, events) : found
      events.push(found)
    }
    return this.#handle(run, events)
  }

  async #handle(run: Run, events: readonly ReceivedEvent[]): Promise<Outcome> {
    const { inbox, handler } = this.#parts
    const attempt = run.entries[0].attempts + 1
    const give = async (given: readonly ReceivedEvent[], tx: unknown): Promise<void> => {
      const context: HandlerContext = {
        get signal() {
          return run.signal
        },
        tx,
        attempt,
      }
      await handler(given, context as HandlerContext<never>)
    }
    try {
      if (inbox !== null) return await this.#once(inbox, events, give)
      await give(events, undefined)
      return { state: 'handled', count: events.length }
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
    const known = events.map((event) => this.#uuidOf(event))
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
      if (error instanceof StoreError) return { state: 'away', error }
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
    if (inboxKey !== null) return inboxKey(event)
    const { uuid, topic, partition, offset, publishedAt } = event
    const [source, id] = [event.header('ce_source'), event.header('ce_id')]
    return inboxUuid({ uuid, source, id, topic, partition, offset, publishedAt })
  }

  #replayed(uuid: string): string {
    const nowhere = { topic: '', partition: 0, offset: 0n, publishedAt: new Date(0) }
    return inboxUuid({ uuid: undefined, source: this.#replay ?? '', id: uuid, ...nowhere })
  }

  /** The event, or what becomes of a record that none is made of. */
  #read(entry: Entry): ReceivedEvent | Promise<ReceivedEvent | Outcome> {
    const { codecFor, isRedrive } = this.#parts
    const { topic, partition, record } = entry
    const from = isRedrive ? provenanceOf(record) : null
    const wire = from === null ? record : { ...record, headers: ownHeaders(record) }
    const at = from ?? { topic, partition, offset: record.offset, timestamp: record.timestamp }
    try {
      entry.decoded ??= { decoded: codecFor(at.topic).decode(wire, at.topic) }
    } catch (cause) {
      return this.#judged(entry, { ...wire, ...at, cause })
    }
    return eventOf(at, entry.decoded)
  }

  async #judged(entry: Entry, record: BrokenRecord): Promise<ReceivedEvent | Outcome> {
    try {
      const judgement = await judge(this.#parts.settings.onBroken, record)
      switch (judgement.state) {
        case 'event':
          entry.decoded = judgement
          return eventOf(record, judgement)
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

function eventOf(at: Provenance, { decoded, broken }: Mended): ReceivedEvent {
  const mark = new PartitionMark(at, { offset: at.offset, generation: 0 })
  const delivery = { of: mark, offset: at.offset, handled: false }
  return new ReceivedEvent(delivery, decoded, at.timestamp, NOTHING_TO_ACKNOWLEDGE, broken)
}

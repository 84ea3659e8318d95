import type { Codec, DecodedEvent } from '../../core/codec.ts'
import { BrokenRecordError, type ErrorCode, OncommitError, OptionError } from '../../core/errors.ts'
import { type Inbox, inboxUuid } from '../../core/inbox.ts'
import { isUuid, uuidv7 } from '../../core/uuid.ts'
import { PartitionMark } from '../marks.ts'
import { ReceivedEvent } from '../received-event.ts'
import { ownHeaders, provenanceOf } from './dead-letters.ts'
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
  /** Why no codec reads the event, where `onBroken` delivers it. Key, headers and payload are the record's. */
  readonly broken: BrokenRecordError | null
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
      const found = this.#read(entry)
      if (found.state === 'event') events.push(found.event)
      else {
        // What is before it first, and then the broken one alone.
        if (events.length > 0) break
        if (found.state === 'broken') return this.#handle(run, [found.event], found.error)
        return found.state === 'skip' ? { state: 'handled', count: 1 } : found
      }
    }
    return this.#handle(run, events, null)
  }

  async #handle(
    run: Run,
    events: readonly ReceivedEvent[],
    broken: BrokenRecordError | null,
  ): Promise<Outcome> {
    const { inbox, handler } = this.#parts
    const attempt = run.entries[0].attempts + 1
    const give = async (given: readonly ReceivedEvent[], tx: unknown): Promise<void> => {
      const context: HandlerContext = {
        get signal() {
          return run.signal
        },
        tx,
        attempt,
        broken,
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

  #read(
    entry: Entry,
  ):
    | { readonly state: 'event'; readonly event: ReceivedEvent }
    | { readonly state: 'broken'; readonly event: ReceivedEvent; readonly error: BrokenRecordError }
    | { readonly state: 'dead' | 'over'; readonly error: BrokenRecordError }
    | { readonly state: 'skip' } {
    const { codecFor, settings, isRedrive } = this.#parts
    const { topic, partition, record } = entry
    const from = isRedrive ? provenanceOf(record) : null
    const wire = from === null ? record : { ...record, headers: ownHeaders(record) }
    const at = from ?? { topic, partition, offset: record.offset, timestamp: record.timestamp }
    const event = (decoded: DecodedEvent): ReceivedEvent => {
      const mark = new PartitionMark(at, { offset: at.offset, generation: 0 })
      const delivery = { of: mark, offset: at.offset, handled: false }
      return new ReceivedEvent(delivery, decoded, at.timestamp, NOTHING_TO_ACKNOWLEDGE)
    }
    try {
      entry.decoded ??= codecFor(at.topic).decode(wire, at.topic)
      return { state: 'event', event: event(entry.decoded) }
    } catch (cause) {
      const { key, value, headers } = wire
      const error = new BrokenRecordError(
        { topic, partition, offset: record.offset, key, value },
        { cause },
      )
      const policy =
        typeof settings.onBroken === 'function' ? settings.onBroken(error) : settings.onBroken
      if (typeof policy !== 'string') {
        entry.decoded = policy
        return { state: 'event', event: event(policy) }
      }
      if (policy === 'skip') return { state: 'skip' }
      if (policy !== 'deliver') return { state: policy === 'deadLetter' ? 'dead' : 'over', error }
      const raw = {
        uuid: undefined,
        timestamp: undefined,
        key: key?.toString() ?? null,
        msgType: '',
        mimeType: 'application/octet-stream',
        headers,
        payload: value,
      }
      return { state: 'broken', event: event(raw), error }
    }
  }
}

function requireUuid(key: unknown): string {
  if (typeof key === 'string' && isUuid(key)) return key
  throw new OptionError('consume.inboxKey', key, 'a function that gives a UUID')
}

import type { Codec, DecodedEvent } from '../../core/codec.ts'
import { BrokenRecordError, StoreError } from '../../core/errors.ts'
import { type Inbox, inboxUuid } from '../../core/inbox.ts'
import { uuidv7 } from '../../core/uuid.ts'
import { PartitionMark } from '../marks.ts'
import { ReceivedEvent } from '../received-event.ts'
import { ownHeaders, provenanceOf } from './dead-letters.ts'
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

/** Acknowledging is the handler's return. */
const NOTHING_TO_ACKNOWLEDGE = { acknowledge: () => Promise.resolve() }

const HANDLED_ONE: Outcome = { state: 'handled', count: 1 }

function handled(count: number): Outcome {
  return count === 1 ? HANDLED_ONE : { state: 'handled', count }
}

function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as { then?: unknown } | null | undefined)?.then === 'function'
}

/** A class, as a getter in a literal costs twice as much. */
class Context implements HandlerContext<never> {
  readonly tx: never
  readonly attempt: number
  readonly broken: BrokenRecordError | null
  readonly #run: Run

  constructor(run: Run, tx: unknown, broken: BrokenRecordError | null) {
    this.tx = tx as never
    this.attempt = run.entries[0].attempts + 1
    this.broken = broken
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

  #handle(
    run: Run,
    events: readonly ReceivedEvent[],
    broken: BrokenRecordError | null,
  ): Outcome | Promise<Outcome> {
    const { inbox, handler } = this.#parts
    if (inbox !== null) return this.#handleOnce(inbox, run, { events, broken })
    try {
      const result = handler(events, new Context(run, undefined, broken))
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

  async #handleOnce(
    inbox: Inbox,
    run: Run,
    given: { readonly events: readonly ReceivedEvent[]; readonly broken: BrokenRecordError | null },
  ): Promise<Outcome> {
    const { events, broken } = given
    const give = async (fresh: readonly ReceivedEvent[], tx: unknown): Promise<void> => {
      await this.#parts.handler(fresh, new Context(run, tx, broken))
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
      if (from === null)
        return new ReceivedEvent(entry, decoded, at.timestamp, NOTHING_TO_ACKNOWLEDGE)
      const mark = new PartitionMark(at, { offset: at.offset, generation: 0 })
      return new ReceivedEvent(
        mark.deliver(at.offset),
        decoded,
        at.timestamp,
        NOTHING_TO_ACKNOWLEDGE,
      )
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

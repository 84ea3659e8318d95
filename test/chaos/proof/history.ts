import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync } from 'node:fs'

/**
 * When: microseconds of the machine's monotonic clock, which all of its processes share and nobody
 * steps. A client notes what it is about to do before it does it, and what it has seen after.
 */
interface Moment {
  readonly at: number
  /** Who saw it. */
  readonly client: string
}

interface Record {
  readonly topic: string
  readonly key: string | null
  readonly uuid: string
  /** Of the payload. */
  readonly hash: string
}

interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** Right before `send`. */
export interface Sending extends Moment, Record {
  readonly what: 'send'
  /** Its transaction, and its place in it. */
  readonly transaction: string
  readonly place: number
}

/**
 * How a transaction ended, right after that was known. Where the answer to COMMIT was lost it is
 * `unknown`; of a client that died in between there is nothing, which means the same.
 */
export interface Ending extends Moment {
  readonly what: 'commit' | 'rollback' | 'unknown'
  readonly transaction: string
}

/** A record of a topic, as a reader of committed records has it; `at` is when it was published. */
export interface Reading extends Moment, Record, Place {
  readonly what: 'read'
}

/** A consumer's handler is through with an event. */
export interface Handling extends Moment, Record, Place {
  readonly what: 'handled'
  readonly group: string
}

/** Right before a group is told that everything below `offset` is handled. */
export interface Marking extends Moment, Place {
  readonly what: 'mark'
  readonly group: string
}

/** Something was done to a client or a server. */
export interface Faulting extends Moment {
  readonly what: 'fault'
  readonly fault: string
}

/** At the end an operator sees this event wait, or dead, by the outbox's own account. */
export interface Blocking extends Moment {
  readonly what: 'blocked'
  readonly uuid: string
}

export type Entry = Sending | Ending | Reading | Handling | Marking | Faulting | Blocking

export function now(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

/** What the wall clock said, by our clock: good to a few milliseconds, while nobody steps it. */
export function atWallClock(ms: number): number {
  return now() + Math.round((ms - Date.now()) * 1000)
}

/** Empty and none are not the same payload. */
export function hashOf(payload: Uint8Array | null): string {
  if (payload === null) return 'none'
  return createHash('sha256').update(payload).digest('hex').slice(0, 16)
}

/** One client's part of the history: a line is in the file before anything else happens. */
export class Notebook {
  readonly #path: string
  readonly #client: string

  constructor(path: string, client: string) {
    this.#path = path
    this.#client = client
  }

  /** Several things that were seen together. */
  note(...seen: readonly Noted[]): void {
    const moment = { at: now(), client: this.#client }
    const lines = seen.map((entry) => `${JSON.stringify({ ...moment, ...entry })}\n`)
    appendFileSync(this.#path, lines.join(''))
  }
}

type Without<T> = T extends Entry ? Omit<T, 'at' | 'client'> : never
export type Noted = Without<Entry>

/** A client that was killed may have left half a line: what it announced there it has not done. */
export function readNotebook(path: string): Entry[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Entry)
}

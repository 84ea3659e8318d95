/**
 * Every code that oncommit throws, with what it means. Callers branch on `error.code`,
 * never on a message.
 */
export const ERROR_CODES = {
  ONCOMMIT_OPTION: 'An option has a value that it does not take.',
  ONCOMMIT_EVENT: 'An event can not be sent as it is.',
  ONCOMMIT_TRANSACTION: 'A transaction was expected, and something else was given.',
  ONCOMMIT_STORE: 'The database failed.',
  ONCOMMIT_SCHEMA: 'The tables are missing, or of a version that this release does not work with.',
  ONCOMMIT_UNSAFE_STORE: 'The database is set up in a way that would break a promise.',
  ONCOMMIT_BROKER: 'The broker failed.',
  ONCOMMIT_PEER_MISSING: 'An optional package that this part needs is not installed.',
  ONCOMMIT_STREAM_IN_USE:
    'A stream is iterated twice, or asked for the next event while one is pending.',
  ONCOMMIT_OFFSET_LOST: 'The position to read from does not exist in the topic any more.',
  ONCOMMIT_BROKEN_RECORD: 'No codec can read a record.',
  ONCOMMIT_REJECTED: 'A handler refuses an event for good.',
  ONCOMMIT_RETRY_AFTER: 'A handler asks for an event again after a while.',
  ONCOMMIT_BATCH: 'A handler of batches failed at one of the events.',
  ONCOMMIT_BACKPRESSURE: 'More events wait for a reader than it said it can take.',
  ONCOMMIT_STOPPED: 'The part was stopped and can not be used again.',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** The base of all errors of oncommit. `cause` is the driver's own error where there is one. */
export class OncommitError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** An option has a value that it does not take. */
export class OptionError extends OncommitError {
  readonly option: string

  constructor(option: string, got: unknown, takes: string) {
    super('ONCOMMIT_OPTION', `option ${option}: got ${describe(got)}, takes ${takes}`)
    this.option = option
  }
}

/** An event can not be sent as it is: nothing was written. */
export class EventError extends OncommitError {
  constructor(message: string, options?: ErrorOptions) {
    super('ONCOMMIT_EVENT', message, options)
  }
}

/** Something that is not an open transaction was given where one belongs: nothing was written. */
export class TransactionError extends OncommitError {
  constructor(message: string, options?: ErrorOptions) {
    super('ONCOMMIT_TRANSACTION', message, options)
  }
}

/** The database failed. The driver's own error is `cause`. */
export class StoreError extends OncommitError {
  constructor(message: string, options?: ErrorOptions) {
    super('ONCOMMIT_STORE', message, options)
  }
}

/** The tables are missing, or older or newer than this release works with. */
export class SchemaVersionError extends OncommitError {
  /** The version found, `null` where there are no tables. */
  readonly found: number | null
  readonly expected: number

  constructor(
    message: string,
    versions: { found: number | null; expected: number },
    options?: ErrorOptions,
  ) {
    super('ONCOMMIT_SCHEMA', message, options)
    this.found = versions.found
    this.expected = versions.expected
  }
}

/** The database is set up in a way that would break a promise; the message names the remedy. */
export class UnsafeStoreError extends OncommitError {
  constructor(message: string, options?: ErrorOptions) {
    super('ONCOMMIT_UNSAFE_STORE', message, options)
  }
}

/**
 * What a broker's failure says about, decided by the adapter that saw it:
 * - `away`: the broker can't be reached or can't serve now; no event's fault;
 * - `topic-unavailable`: one topic is unknown or forbidden; the others work;
 * - `event-refused`: the broker takes no such record (too large, invalid), now or later;
 * - `fenced`: another relay took this one's place;
 * - `misconfigured`: a right or a setting is missing that no event can change; the message names it;
 * - `unknown`: anything else. Never counted against an event.
 */
export type BrokerFailure =
  | 'away'
  | 'topic-unavailable'
  | 'event-refused'
  | 'fenced'
  | 'misconfigured'
  | 'unknown'

/** The broker failed. The client's own error is `cause`. */
export class BrokerError extends OncommitError {
  readonly kind: BrokerFailure
  /** The topic, where the failure is about one. */
  readonly topic: string | undefined
  /** A right is missing: a `topic-unavailable` topic that is forbidden, not unknown. */
  readonly forbidden: boolean
  /** Of `event-refused`: another try can hardly help. */
  readonly permanent: boolean

  constructor(
    kind: BrokerFailure,
    message: string,
    options?: ErrorOptions & { topic?: string; forbidden?: boolean; permanent?: boolean },
  ) {
    super('ONCOMMIT_BROKER', message, options)
    this.kind = kind
    this.topic = options?.topic
    this.forbidden = options?.forbidden ?? false
    this.permanent = kind === 'event-refused' && (options?.permanent ?? true)
  }
}

/** An optional package that this part needs is not installed. */
export class PeerMissingError extends OncommitError {
  constructor(part: string, peer: string, options?: ErrorOptions) {
    super('ONCOMMIT_PEER_MISSING', `${part} needs ${peer}: npm install ${peer}`, options)
  }
}

/** The position to read from does not exist in the topic any more (retention, a recreated topic). */
export class OffsetLostError extends OncommitError {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint

  constructor(
    message: string,
    at: { topic: string; partition: number; offset: bigint },
    options?: ErrorOptions,
  ) {
    super('ONCOMMIT_OFFSET_LOST', message, options)
    this.topic = at.topic
    this.partition = at.partition
    this.offset = at.offset
  }
}

/** No codec can read a record. The mark stays before it: a new stream of the group meets it again. */
export class BrokenRecordError extends OncommitError {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null

  constructor(
    at: {
      topic: string
      partition: number
      offset: bigint
      key: Buffer | null
      value: Buffer | null
    },
    options: ErrorOptions,
  ) {
    super(
      'ONCOMMIT_BROKEN_RECORD',
      `no codec can read the record at ${at.topic}-${at.partition}@${at.offset}`,
      options,
    )
    this.topic = at.topic
    this.partition = at.partition
    this.offset = at.offset
    this.key = at.key
    this.value = at.value
  }
}

/** The reader was too slow: `offset` is the first event that found no room. */
export class BackpressureError extends OncommitError {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint

  constructor(at: { topic: string; partition: number; offset: bigint; maxEvents: number }) {
    super(
      'ONCOMMIT_BACKPRESSURE',
      `the reader is too slow: ${at.maxEvents} events wait, there is no room for ${at.topic}-${at.partition}@${at.offset}`,
    )
    this.topic = at.topic
    this.partition = at.partition
    this.offset = at.offset
  }
}

/** A stream has one reader, which asks for one event at a time. */
export class StreamInUseError extends OncommitError {
  constructor(message: string) {
    super('ONCOMMIT_STREAM_IN_USE', message)
  }
}

/** A short text of any value for an error message: its type where its content may be long or secret. */
export function describe(value: unknown): string {
  if (typeof value === 'string')
    return value.length > 60 ? `a string of ${value.length} characters` : JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return 'an array'
  const name = value.constructor?.name
  return name === undefined || name === 'Object' ? 'an object' : `an instance of ${name}`
}

/** The message of whatever was thrown, with those of its causes. */
export function reasonOf(error: unknown): string {
  const parts: string[] = []
  for (let at: unknown = error, depth = 0; at !== undefined && at !== null && depth < 5; depth++) {
    const message = at instanceof Error ? at.message || at.name : describe(at)
    if (!parts.some((part) => part.includes(message))) parts.push(message)
    at = at instanceof Error ? at.cause : undefined
  }
  return parts.length === 0 ? `${String(error)} was thrown` : parts.join(': ')
}

/** Thrown by a handler: the event is a dead letter at once, no attempt will help. */
export class Reject extends OncommitError {
  constructor(reason: string, options?: ErrorOptions) {
    super('ONCOMMIT_REJECTED', reason, options)
  }
}

/** Thrown by a handler: the next attempt comes after so many milliseconds. */
export class RetryAfter extends OncommitError {
  readonly ms: number

  constructor(ms: number, options?: ErrorOptions) {
    if (!Number.isFinite(ms) || ms < 0)
      throw new OptionError('RetryAfter.ms', ms, 'milliseconds, of at least 0')
    super('ONCOMMIT_RETRY_AFTER', `asked for again after ${ms} ms`, options)
    this.ms = ms
  }
}

/** Thrown by a handler of batches: the events before `index` are handled, that one failed. */
export class BatchError extends OncommitError {
  readonly index: number

  constructor(index: number, options?: ErrorOptions) {
    super('ONCOMMIT_BATCH', `the event at ${index} of the batch failed`, options)
    this.index = index
  }
}

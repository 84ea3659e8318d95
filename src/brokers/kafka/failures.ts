import { BrokerError, OncommitError, type BrokerFailure } from '../../core/errors.ts'

/**
 * What Kafka's error codes say about, by the number in a response. Codes that are not here are
 * `unknown`. `ambiguous` ones leave open whether a write happened.
 */
const KINDS_OF_CODES: Readonly<Record<number, BrokerFailure>> = {
  [-1]: 'unknown',
  2: 'event-refused',
  3: 'topic-unavailable',
  5: 'away',
  6: 'away',
  7: 'away',
  8: 'away',
  9: 'away',
  10: 'event-refused',
  13: 'away',
  14: 'away',
  15: 'away',
  16: 'away',
  17: 'topic-unavailable',
  18: 'event-refused',
  19: 'away',
  20: 'away',
  29: 'topic-unavailable',
  30: 'misconfigured',
  31: 'misconfigured',
  32: 'event-refused',
  35: 'misconfigured',
  38: 'misconfigured',
  41: 'away',
  44: 'misconfigured',
  47: 'fenced',
  49: 'fenced',
  50: 'misconfigured',
  51: 'away',
  53: 'misconfigured',
  56: 'away',
  58: 'away',
  72: 'away',
  74: 'away',
  75: 'away',
  76: 'misconfigured',
  87: 'event-refused',
  89: 'away',
  90: 'fenced',
}

/** CONCURRENT_TRANSACTIONS: what came before is still being completed, over in milliseconds. */
export const CONCURRENT_TRANSACTIONS = 51
/** CORRUPT_MESSAGE: what arrived is not what was sent; the next try may well succeed. */
const CORRUPT_MESSAGE = 2
export const UNKNOWN_TOPIC = 3
export const TOPIC_FORBIDDEN = 29
export const TOPIC_ALREADY_EXISTS = 36
export const TRANSACTIONAL_ID_NOT_FOUND = 105

/** What an error code of Kafka's says about. */
export function kindOfCode(code: number): BrokerFailure {
  return KINDS_OF_CODES[code] ?? 'unknown'
}

/** The innermost failures: an error of the client's nests what happened in `errors` and `cause`. */
function leavesOf(error: unknown, depth = 0): unknown[] {
  if (depth < 10 && error instanceof AggregateError && error.errors.length > 0)
    return error.errors.flatMap((inner) => leavesOf(inner, depth + 1))
  if (depth < 10 && decidingKind(error) === null && error instanceof Error && error.cause)
    return leavesOf(error.cause, depth + 1)
  return [error]
}

/** What the client's own error says by itself, `null` where only its cause could tell. */
function decidingKind(error: unknown): BrokerFailure | null {
  const { apiCode, code, message } = (error ?? {}) as {
    apiCode?: number
    code?: string
    message?: string
  }
  if (typeof apiCode === 'number') return kindOfCode(apiCode)
  // The client's TimeoutError carries the code of its NetworkError: both mean the same here.
  if (code === 'PLT_KFK_NETWORK' || code === 'PLT_KFK_TIMEOUT') return 'away'
  if (code === 'PLT_KFK_AUTHENTICATION') return 'away'
  if (code === 'PLT_KFK_UNSUPPORTED_COMPRESSION') return 'misconfigured'
  if (code === 'PLT_KFK_USER' && message?.startsWith('Unknown topic') === true)
    return 'topic-unavailable'
  return null
}

/** The codes that brokers answered with, outermost first; empty where nothing was answered. */
export function answeredCodes(error: unknown): readonly number[] {
  if (error instanceof BrokerError && error.cause !== undefined) return answeredCodes(error.cause)
  return leavesOf(error)
    .map((leaf) => (leaf as { apiCode?: unknown } | null | undefined)?.apiCode)
    .filter((code) => typeof code === 'number')
}

/** Whether every broker that was asked answered, so that nothing of the request is still under way. */
export function isAnswer(error: unknown): boolean {
  if (error instanceof BrokerError && error.cause !== undefined) return isAnswer(error.cause)
  return leavesOf(error).every((leaf) => {
    const { apiCode } = (leaf ?? {}) as { apiCode?: unknown }
    // REQUEST_TIMED_OUT and NOT_ENOUGH_REPLICAS_AFTER_APPEND are answers that leave it open.
    return typeof apiCode === 'number' && apiCode !== 7 && apiCode !== 20
  })
}

const PRECEDENCE: readonly BrokerFailure[] = [
  'fenced',
  'misconfigured',
  'event-refused',
  'topic-unavailable',
  'unknown',
  'away',
]

/**
 * Any failure of the client's as a `BrokerError` of its kind. Errors of oncommit are given back as
 * they are where they are `BrokerError`s; other ones become the `cause` of an `unknown` one.
 */
export function toBrokerError(error: unknown, topic?: string): BrokerError {
  if (error instanceof BrokerError) return error
  if (error instanceof OncommitError)
    return new BrokerError('misconfigured', error.message, { cause: error })
  const leaves = leavesOf(error)
  const kinds = new Set(leaves.map((leaf) => decidingKind(leaf) ?? 'unknown'))
  const kind = PRECEDENCE.find((candidate) => kinds.has(candidate)) ?? 'unknown'
  const told = leaves.find((leaf) => (decidingKind(leaf) ?? 'unknown') === kind)
  return new BrokerError(kind, `Kafka: ${textOf(told)}`, {
    cause: error,
    forbidden: kind === 'topic-unavailable' && answeredCodes(error).includes(TOPIC_FORBIDDEN),
    permanent: !answeredCodes(error).includes(CORRUPT_MESSAGE),
    ...(topic === undefined ? {} : { topic }),
  })
}

/** A failure that a response gave by number. */
export function brokerErrorOfCode(code: number, text: string, topic?: string): BrokerError {
  return new BrokerError(kindOfCode(code), `Kafka: ${text} (error ${code})`, {
    cause: Object.assign(new Error(text), { apiCode: code }),
    forbidden: code === TOPIC_FORBIDDEN,
    permanent: code !== CORRUPT_MESSAGE,
    ...(topic === undefined ? {} : { topic }),
  })
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { apiId, serverErrorMessage } = error as {
    apiId?: string
    serverErrorMessage?: string | null
  }
  const own =
    apiId === undefined ? error.message : `${apiId}: ${serverErrorMessage ?? error.message}`
  const cause = error.cause instanceof Error ? causeText(error.cause) : ''
  return cause === '' ? own : `${own} ${cause}`
}

/** Node's errors of several addresses have an empty message of their own. */
function causeText(cause: Error): string {
  if (cause.message !== '') return `(${cause.message})`
  const inner = cause instanceof AggregateError ? cause.errors.at(0) : undefined
  return inner instanceof Error ? `(${inner.message})` : ''
}

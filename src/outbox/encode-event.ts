import { types } from 'node:util'

import { EventError, describe, reasonOf } from '../core/errors.ts'
import { eventSize } from '../core/event.ts'
import type { EventInput, HeaderValue, Headers, OutboxEvent } from '../core/event.ts'
import { isUuid, uuidv7 } from '../core/uuid.ts'

/** What the broker at the other end can take. */
export interface EventLimits {
  readonly maxRecordBytes: number
  /** The size of the record that the event becomes. Throws where the codec can't encode it. */
  readonly recordBytes: (event: OutboxEvent) => number
  /** Why a topic of this name can't be, or `null`. */
  readonly topicProblem: (topic: string) => string | null
}

const NEAR_BYTES = 64 * 1024
const NAMES = ['topic', 'key', 'payload', 'msgType', 'mimeType', 'headers', 'uuid', 'timestamp']

/** Checks what a caller gave and encodes its payload. Throws an `EventError` that names the field. */
export function encodeEvent(input: EventInput, limits: EventLimits): OutboxEvent {
  if (typeof input !== 'object' || input === null) {
    throw new EventError(`an event is an object with a topic, got ${describe(input)}`)
  }
  const unknown = Object.keys(input).find((name) => !NAMES.includes(name))
  if (unknown !== undefined) {
    throw new EventError(`event.${unknown}: there is no such field, only ${NAMES.join(', ')}`)
  }
  const topic = topicOf(input.topic, limits)
  const { payload, mimeType } = encodePayload('payload' in input ? input.payload : null)
  const event: OutboxEvent = {
    uuid: uuidOf(input.uuid),
    timestamp: timestampOf(input.timestamp),
    topic,
    key: input.key === undefined || input.key === null ? null : textOf('key', input.key),
    msgType: input.msgType === undefined ? topic : textOf('msgType', input.msgType),
    mimeType: input.mimeType === undefined ? mimeType : textOf('mimeType', input.mimeType),
    headers: headersOf(input.headers),
    payload,
  }
  refuseTooLarge(event, limits)
  return event
}

/** Measured only where it matters: what a codec adds to an event is far below `NEAR_BYTES`. */
function refuseTooLarge(event: OutboxEvent, limits: EventLimits): void {
  const { maxRecordBytes } = limits
  if (eventSize(event) + NEAR_BYTES < maxRecordBytes) return
  const bytes = measure(event, limits)
  if (bytes <= maxRecordBytes) return
  throw new EventError(
    `the event is a record of ${bytes} bytes, and maxRecordBytes is ${maxRecordBytes}`,
  )
}

function measure(event: OutboxEvent, limits: EventLimits): number {
  try {
    return limits.recordBytes(event)
  } catch (cause) {
    throw new EventError('the codec can not encode the event', { cause })
  }
}

function topicOf(topic: unknown, limits: EventLimits): string {
  if (typeof topic !== 'string' || topic === '') {
    throw new EventError(`event.topic: a text that is not empty is needed, got ${describe(topic)}`)
  }
  const problem = limits.topicProblem(topic)
  if (problem !== null) throw new EventError(`event.topic: ${problem}`)
  return topic
}

function uuidOf(uuid: unknown): string {
  if (uuid === undefined) return uuidv7()
  if (isUuid(uuid)) return uuid.toLowerCase()
  throw new EventError(`event.uuid: a UUID is needed, got ${describe(uuid)}`)
}

function timestampOf(timestamp: unknown): Date {
  if (timestamp === undefined) return new Date()
  if (timestamp instanceof Date && !Number.isNaN(timestamp.getTime())) return timestamp
  throw new EventError(`event.timestamp: a valid Date is needed, got ${describe(timestamp)}`)
}

/** Text that comes out as it went in: no NUL (PostgreSQL has none), no lone surrogate (UTF-8 has none). */
function textOf(field: string, value: unknown): string {
  if (typeof value !== 'string') {
    throw new EventError(`event.${field}: a text is needed, got ${describe(value)}`)
  }
  if (value.includes('\0')) throw new EventError(`event.${field}: a text without NUL is needed`)
  if (!value.isWellFormed()) {
    throw new EventError(`event.${field}: a lone surrogate can't be written as UTF-8`)
  }
  return value
}

function encodePayload(payload: unknown): { payload: Uint8Array | null; mimeType: string } {
  if (payload === null) return { payload, mimeType: 'application/octet-stream' }
  if (payload instanceof Uint8Array) return { payload, mimeType: 'application/octet-stream' }
  if (payload instanceof ArrayBuffer) {
    return { payload: new Uint8Array(payload), mimeType: 'application/octet-stream' }
  }
  if (typeof payload === 'string') {
    if (!payload.isWellFormed()) {
      throw new EventError("event.payload: a lone surrogate can't be written as UTF-8; send bytes")
    }
    return { payload: Buffer.from(payload), mimeType: 'text/plain' }
  }
  return { payload: Buffer.from(jsonOf(payload)), mimeType: 'application/json' }
}

const PAYLOADS = 'bytes, a text, null, or a value that JSON can hold'

function jsonOf(payload: unknown): string {
  const remedy = remedyFor(payload)
  if (remedy !== null) throw refused(payload, remedy)
  let json: string | undefined
  try {
    json = JSON.stringify(payload)
  } catch (cause) {
    throw refused(payload, reasonOf(cause).replaceAll(/\s+/g, ' '), { cause })
  }
  if (json === undefined) throw refused(payload, 'its toJSON gives nothing')
  return json
}

function refused(payload: unknown, reason: string, options?: ErrorOptions): EventError {
  return new EventError(
    `event.payload: ${describe(payload)} can't be written as JSON (${reason}); takes ${PAYLOADS}`,
    options,
  )
}

/** What to do with a value that JSON would make `{}`, `null` or nothing of; `null` for the others. */
function remedyFor(payload: unknown): string | null {
  if (payload === undefined) return 'leave the field out, or give null, for a tombstone'
  if (typeof payload === 'function') return 'call it'
  if (typeof payload === 'symbol') return 'JSON has none'
  if (typeof payload === 'number')
    return Number.isFinite(payload) ? null : 'JSON has no such number'
  if (typeof payload !== 'object' || payload === null) return null
  if (typeof (payload as { then?: unknown }).then === 'function') return 'await it'
  if (typeof (payload as { toJSON?: unknown }).toJSON === 'function') return null
  if (types.isMap(payload)) return 'Object.fromEntries(map), or [...map]'
  if (types.isSet(payload)) return '[...set]'
  if (types.isNativeError(payload)) return 'name the fields to send'
  return null
}

function headersOf(headers: EventInput['headers'] | null): Headers {
  if (headers === undefined || headers === null) return []
  if (typeof headers !== 'object') {
    throw new EventError(`event.headers: an object or pairs are needed, got ${describe(headers)}`)
  }
  const pairs = Array.isArray(headers) ? headers : Object.entries(headers)
  return pairs.map((pair: unknown): readonly [string, HeaderValue] => {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new EventError(
        `event.headers: pairs of name and value are needed, got ${describe(pair)}`,
      )
    }
    const [name, value] = pair as [unknown, unknown]
    if (name === '') throw new EventError('event.headers: a header needs a name')
    const checked = textOf('headers', name)
    return [checked, value instanceof Uint8Array ? value : textOf(`headers.${checked}`, value)]
  })
}

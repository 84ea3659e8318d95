import type { Codec, DecodedEvent, WireRecord } from '../../core/codec.ts'
import type { OutboxEvent } from '../../core/event.ts'
import { knownOptions, text } from '../../core/options.ts'
import { isUuid } from '../../core/uuid.ts'
import {
  CONTENT_TYPE,
  ID,
  isAttributeName,
  SOURCE,
  SPEC_VERSION,
  TIME,
  TYPE,
  type AttributeName,
} from './attributes.ts'
import { Utf8Cache } from './utf8-cache.ts'
import { fromUtf8, toUtf8 } from './utf8.ts'

export interface CloudEventsOptions {
  /** The attribute `source`: which program the events come from, a URI reference. @defaultValue 'oncommit' */
  readonly source?: string
}

type HeaderPair = readonly [name: string, value: Buffer]

const VERSION: HeaderPair = [SPEC_VERSION, Buffer.from('1.0')]
const NO_MIME_TYPE = 'application/octet-stream'

/**
 * CloudEvents 1.0 in Kafka's binary mode: the value is the payload as it is, the attributes are
 * headers (`ce_id`, `ce_source`, `ce_type`, `ce_time`, `content-type`), and the sender's own
 * headers follow them untouched, in order, duplicates too.
 *
 * Reading takes the first of each attribute and leaves every other header as it is, so a sender's
 * header comes back even where it is named like an attribute. Records that are no CloudEvents are
 * read all the same: without `uuid` and `timestamp`, with an empty `msgType`. A `ce_id` that is no
 * UUID is another program's: it stays in the headers with its `ce_source`. Reading throws on a key
 * or an attribute that is not UTF-8 and on a `ce_time` that is no time.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 *
 * @example
 * new EventBus({ store, broker, codec: cloudEvents({ source: '/shop' }) })
 */
export function cloudEvents(options: CloudEventsOptions = {}): Codec {
  knownOptions('cloudEvents', options, ['source'])
  const source: HeaderPair = [
    SOURCE,
    toUtf8(text('cloudEvents.source', options.source ?? 'oncommit'), 'the source'),
  ]
  const types = new Utf8Cache('the message type')
  const mimeTypes = new Utf8Cache('the MIME type')

  return {
    name: 'cloudevents',
    encode: (event) => ({
      key: event.key === null ? null : toUtf8(event.key, 'the key'),
      value: event.payload === null ? null : asBuffer(event.payload),
      headers: [
        VERSION,
        [ID, Buffer.from(event.uuid, 'latin1')],
        source,
        // The attribute must not be empty.
        [TYPE, types.get(event.msgType === '' ? event.topic : event.msgType)],
        [TIME, Buffer.from(event.timestamp.toISOString(), 'latin1')],
        [CONTENT_TYPE, mimeTypes.get(event.mimeType)],
        ...event.headers.map(encodeHeader),
      ],
    }),
    decode,
  }
}

function encodeHeader([name, value]: OutboxEvent['headers'][number]): HeaderPair {
  if (!name.isWellFormed()) throw new TypeError("a header's name has a lone surrogate")
  return [name, typeof value === 'string' ? toUtf8(value, `header ${name}`) : asBuffer(value)]
}

function decode(record: WireRecord): DecodedEvent {
  const { attributes, headers } = splitHeaders(record.headers)
  const time = textOf(attributes, TIME)
  return {
    uuid: textOf(attributes, ID),
    timestamp: time === undefined ? undefined : parseTime(time),
    key: record.key === null ? null : fromUtf8(record.key, 'the key'),
    msgType: textOf(attributes, TYPE) ?? '',
    mimeType: textOf(attributes, CONTENT_TYPE) ?? NO_MIME_TYPE,
    headers,
    payload: record.value,
  }
}

function splitHeaders(all: WireRecord['headers']): {
  attributes: Map<AttributeName, Buffer>
  headers: readonly HeaderPair[]
} {
  const foreign = isForeign(all)
  const attributes = new Map<AttributeName, Buffer>()
  const headers: HeaderPair[] = []
  for (const header of all) {
    const [name, value] = header
    const kept = foreign && (name === ID || name === SOURCE)
    if (kept || !isAttributeName(name) || attributes.has(name)) headers.push(header)
    else attributes.set(name, value)
  }
  return { attributes, headers }
}

function isForeign(headers: WireRecord['headers']): boolean {
  const id = headers.find(([name]) => name === ID)
  return id !== undefined && !isUuid(id[1].toString('latin1'))
}

function textOf(attributes: Map<AttributeName, Buffer>, name: AttributeName): string | undefined {
  const value = attributes.get(name)
  return value === undefined ? undefined : fromUtf8(value, `header ${name}`)
}

function parseTime(time: string): Date {
  const date = new Date(time)
  if (Number.isNaN(date.getTime()))
    throw new TypeError(`header ${TIME} is no time: ${time.slice(0, 60)}`)
  return date
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

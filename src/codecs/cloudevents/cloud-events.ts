import type { Codec } from '../../core/codec.ts'
import type { OutboxEvent } from '../../core/event.ts'
import { knownOptions, text } from '../../core/options.ts'
import { CONTENT_TYPE, ID, SOURCE, SPEC_VERSION, TIME, TYPE } from './attributes.ts'
import { CloudEvent } from './cloud-event.ts'
import { Utf8Cache } from './utf8-cache.ts'
import { toUtf8 } from './utf8.ts'

export interface CloudEventsOptions {
  /** The attribute `source`: which program the events come from, a URI reference. @defaultValue 'oncommit' */
  readonly source?: string
}

type HeaderPair = readonly [name: string, value: Buffer]

const VERSION: HeaderPair = [SPEC_VERSION, Buffer.from('1.0')]

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
    decode: (record) => new CloudEvent(record),
  }
}

function encodeHeader([name, value]: OutboxEvent['headers'][number]): HeaderPair {
  if (!name.isWellFormed()) throw new TypeError("a header's name has a lone surrogate")
  return [name, typeof value === 'string' ? toUtf8(value, `header ${name}`) : asBuffer(value)]
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

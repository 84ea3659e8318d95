import { randomBytes } from 'node:crypto'
import { cloudEvents } from '../../../src/codecs/cloudevents/index.ts'
import type { Broker, TopicRecord } from '../../../src/core/broker.ts'
import type { Codec } from '../../../src/core/codec.ts'

/** Reads JSON objects with a text `id`. */
const envelope: Codec = {
  name: 'envelope',
  encode: () => {
    throw new Error('nothing is sent here')
  },
  decode: ({ key, value, headers }) => {
    const { id } =
      value === null ? { id: null } : (JSON.parse(value.toString()) as { id?: unknown })
    if (id !== null && typeof id !== 'string') throw new TypeError('there is no id')
    const payload = id === null ? null : Buffer.from(id)
    const [uuid, timestamp] = [undefined, undefined]
    const [msgType, mimeType] = ['T', 'text/plain']
    return { uuid, timestamp, key: key?.toString() ?? null, msgType, mimeType, headers, payload }
  },
}

export type Bytes = Omit<TopicRecord, 'topic' | 'key'> & { readonly key?: Buffer }

export const bytesOf = (
  value: Buffer | string | null,
  ...headers: TopicRecord['headers']
): Bytes => {
  return { value: typeof value === 'string' ? Buffer.from(value) : value, headers }
}

/** Of each codec: a record that it reads, and those that it does not. */
export const codecs: readonly {
  readonly codec: Codec
  readonly good: (id: string) => Bytes
  readonly broken: Readonly<Record<string, Bytes>>
}[] = [
  {
    codec: envelope,
    good: (id) => bytesOf(JSON.stringify({ id })),
    broken: {
      'text that is no JSON': bytesOf('no JSON'),
      'half an envelope': bytesOf('{"id":"1'),
      'an envelope without its id': bytesOf('{}'),
      'an empty value': bytesOf(''),
      'noise of 900 KiB': bytesOf(randomBytes(900 * 1024)),
    },
  },
  {
    codec: cloudEvents(),
    good: (id) => bytesOf(id, ['ce_type', Buffer.from('T')]),
    broken: {
      'a header that is no UTF-8': bytesOf('x', ['ce_type', Buffer.from([0xff, 0xfe])]),
      'a time that is none': bytesOf('x', ['ce_time', Buffer.from('yesterday')]),
      'a key that is no UTF-8': { ...bytesOf('x'), key: Buffer.from([0xc3, 0x28]) },
    },
  },
]

/** As they are, without a codec. */
export async function sendBytes(
  broker: Broker,
  topic: string,
  records: readonly Bytes[],
): Promise<void> {
  const { signal } = new AbortController()
  const producer = await broker.openProducer({ clientId: 't', signal, onAway: () => {} })
  for (const record of records) await producer.send({ key: null, topic, ...record })
  await producer.close()
}

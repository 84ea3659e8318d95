import { isUtf8 } from 'node:buffer'
import type { ReceivedEvent } from '../consumer/received-event.ts'

const MOST_CHARACTERS = 120

type ShownEvent = Pick<
  ReceivedEvent,
  | 'topic'
  | 'partition'
  | 'offset'
  | 'publishedAt'
  | 'uuid'
  | 'timestamp'
  | 'key'
  | 'msgType'
  | 'mimeType'
  | 'headers'
  | 'payload'
>

/** When it was published, its place, key, type and the beginning of its payload. */
export function eventAsLine(event: ShownEvent): string {
  return [
    event.publishedAt.toISOString(),
    `${event.partition}@${event.offset}`,
    event.key === null ? '-' : word(event.key),
    word(event.msgType),
    payloadOf(event.payload),
  ].join(' ')
}

/** All of it, on one line of JSON. Bytes that are no text are in `payloadBase64`. */
export function eventAsJson(event: ShownEvent): string {
  const { topic, partition, offset, publishedAt, uuid, timestamp, key, msgType, mimeType } = event
  const { payload } = event
  const isText = payload === null || isUtf8(payload)
  return JSON.stringify({
    topic,
    partition,
    offset: String(offset),
    publishedAt,
    uuid,
    timestamp,
    key,
    msgType,
    mimeType,
    headers: event.headers.map(([name, value]) => [name, value.toString()]),
    ...(isText
      ? { payload: payload === null ? null : payload.toString() }
      : { payloadBase64: payload.toString('base64') }),
  })
}

/** As it is where it can't be mistaken for something else, otherwise in quotes. */
export function word(text: string): string {
  const isPlain = text !== '-' && /^[^\s"\p{C}]+$/u.test(text)
  return isPlain ? text : `"${escaped(text)}"`
}

export function payloadOf(payload: Buffer | null): string {
  if (payload === null) return '(no payload)'
  // The beginning is enough, whatever the size; it may end within a character.
  const beginning = payload.subarray(0, MOST_CHARACTERS * 4)
  if (!isUtf8(payload)) return `(${payload.length} bytes)`
  const text = escaped(beginning.toString())
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text
}

/** What came from elsewhere never moves the terminal's cursor, nor breaks the line. */
export function escaped(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    if (character === '\n') return String.raw`\n`
    return `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`
  })
}

import { isUtf8 } from 'node:buffer'

import type { DeadGroup, DeadLetterInfo, RequeuePreview } from '../operations/dead-letters.ts'
import type { WholeDeadLetter } from '../operations/operations.ts'
import { escaped, payloadOf, word } from './event-line.ts'

/** Dead letters by topic and error, for people. */
export function groupsAsLines(groups: readonly DeadGroup[]): readonly string[] {
  const letters = groups.reduce((sum, group) => sum + group.letters, 0)
  const first = groups.map((group) => group.first).toSorted((a, b) => a.getTime() - b.getTime())[0]
  const since = first === undefined ? '' : `   since ${first.toISOString()}`
  return [
    `${letters} dead letters in ${groups.length} groups${since}`,
    ...groups.map(
      ({ topic, error, letters: count, keys }) =>
        `  ${word(topic)}  ${count}  ${keys} keys  ${escaped(error)}`,
    ),
  ]
}

export function letterAsLine(letter: DeadLetterInfo): string {
  const { uuid, topic, key, diedAt, attempts, redelivered, error } = letter
  const again = redelivered === 0 ? '' : `, requeued ${redelivered} times`
  return `${uuid}  ${word(topic)}  ${keyOf(key)}  ${diedAt.toISOString()}  ${attempts} attempts${again}  ${escaped(error)}`
}

/** All of a letter but for a long payload, for people. */
export function wholeAsLines(letter: WholeDeadLetter): readonly string[] {
  const { msgType, mimeType, bytes, storedAt, headers, payload } = letter
  return [
    letterAsLine(letter),
    `sent     ${storedAt.toISOString()}`,
    `type     ${word(msgType)}  ${word(mimeType)}  ${bytes} bytes`,
    ...headers.map(([name, value]) => `header   ${word(name)} ${valueOf(value)}`),
    `payload  ${payloadOf(payload)}`,
  ]
}

/** All of a letter. Bytes that are no text are in `payloadBase64`. */
export function wholeAsJson({ payload, headers, ...letter }: WholeDeadLetter): string {
  const isText = payload === null || isUtf8(payload)
  return JSON.stringify({
    ...letter,
    headers: headers.map(([name, value]) => [
      name,
      typeof value === 'string' ? value : Buffer.from(value).toString(),
    ]),
    ...(isText
      ? { payload: payload === null ? null : payload.toString() }
      : { payloadBase64: payload.toString('base64') }),
  })
}

/** What requeueing would do, for people. */
export function previewAsLines(preview: RequeuePreview): readonly string[] {
  const { letters, keys, keyless, oldest, newer, inOrder } = preview
  const since = oldest === null ? '' : `, the first died ${oldest.toISOString()}`
  const lines = [`${letters} dead letters of ${keys} keys, ${keyless} without a key${since}`]
  const more = newer.complete ? '' : ', or more: the time to look was over'
  if (newer.keys > 0 || !newer.complete)
    lines.push(
      `${newer.keys} keys have published ${newer.events} newer events${more}: requeued, their letters come behind these`,
    )
  for (const { topic, key, letters: count, newer: events, uuids } of newer.first)
    lines.push(
      `  ${word(topic)}  ${keyOf(key)}  ${count} letters  ${events} newer: ${uuids.join(' ')}${events > uuids.length ? ' …' : ''}`,
    )
  if (newer.keys > newer.first.length)
    lines.push(`  … ${newer.keys - newer.first.length} more keys`)
  if (newer.keys > 0) lines.push(`--only-in-order leaves those keys out: ${inOrder} letters`)
  return lines
}

export function keyOf(key: string | null): string {
  return key === null ? '-' : word(key)
}

function valueOf(value: string | Uint8Array): string {
  return typeof value === 'string' ? escaped(value) : payloadOf(Buffer.from(value))
}

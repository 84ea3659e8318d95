import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventError } from '../core/errors.ts'
import { eventSize } from '../core/event.ts'
import type { EventInput } from '../core/event.ts'
import { topicNameProblem } from '../core/topic-name.ts'
import type { OutboxStore } from '../core/outbox-store.ts'
import { encodeEvent } from './encode-event.ts'
import { Outbox } from './outbox.ts'

const limits = { maxRecordBytes: 1000, recordBytes: eventSize, topicProblem: topicNameProblem }
const encode = (input: object) => encodeEvent(input as EventInput, limits)

test('a payload of bytes stays as it is, text is UTF-8, anything else is JSON', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
  assert.equal(encode({ topic: 't', payload: bytes }).payload, bytes)
  assert.equal(encode({ topic: 't', payload: bytes }).mimeType, 'application/octet-stream')
  assert.deepEqual(encode({ topic: 't', payload: 'é' }).payload, Buffer.from('é'))
  assert.equal(encode({ topic: 't', payload: 'é' }).mimeType, 'text/plain')
  assert.deepEqual(encode({ topic: 't', payload: { a: 1 } }).payload, Buffer.from('{"a":1}'))
  assert.equal(encode({ topic: 't', payload: { a: 1 } }).mimeType, 'application/json')
  assert.deepEqual(encode({ topic: 't', payload: false }).payload, Buffer.from('false'))
})

test('a null payload is not an empty one, and a null key is not an empty one', () => {
  assert.equal(encode({ topic: 't' }).payload, null)
  assert.equal(encode({ topic: 't', payload: '' }).payload?.byteLength, 0)
  assert.equal(encode({ topic: 't' }).key, null)
  assert.equal(encode({ topic: 't', key: '' }).key, '')
})

test('headers keep order, duplicates and bytes', () => {
  const headers = [
    ['b', '1'],
    ['a', Buffer.from([255])],
    ['b', '2'],
  ] as const
  assert.deepEqual(encode({ topic: 't', headers }).headers, headers)
  assert.deepEqual(encode({ topic: 't', headers: { x: '1', y: '2' } }).headers, [
    ['x', '1'],
    ['y', '2'],
  ])
})

test('the uuid is a version 7 whose first 48 bits are the time', () => {
  const { uuid } = encode({ topic: 't' })
  assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const time = Number.parseInt(uuid.replaceAll('-', '').slice(0, 12), 16)
  assert.ok(Math.abs(time - Date.now()) < 5000)
})

const circular: { self?: unknown } = {}
circular.self = circular
const wrong: [string, object, RegExp][] = [
  ['no topic', {}, /event\.topic: a text that is not empty is needed, got undefined/],
  ['an empty topic', { topic: '' }, /event\.topic/],
  ['a topic that Kafka refuses', { topic: 'a b' }, /event\.topic: a topic.s name has only letters/],
  ['a topic of 250 characters', { topic: 'a'.repeat(250) }, /event\.topic/],
  ['a topic called ..', { topic: '..' }, /can not be called/],
  ['a number as key', { topic: 't', key: 7 }, /event\.key: a text is needed, got 7/],
  ['NUL in the key', { topic: 't', key: 'a\0' }, /event\.key: a text without NUL/],
  ['half a surrogate in the key', { topic: 't', key: '\ud800' }, /event\.key: a lone surrogate/],
  ['half a surrogate in the payload', { topic: 't', payload: '\ud800' }, /event\.payload/],
  [
    'a circular payload',
    { topic: 't', payload: circular },
    /event\.payload: an object can't be written as JSON \(Converting circular structure .*'self'/,
  ],
  [
    'a bigint payload',
    { topic: 't', payload: 1n },
    /event\.payload: 1n can't be written as JSON \(.*BigInt.*takes bytes, a text, null, or/,
  ],
  ['an undefined payload', { topic: 't', payload: undefined }, /payload: undefined .*tombstone/],
  ['a Promise as payload', { topic: 't', payload: Promise.resolve(1) }, /of Promise .*await it/],
  ['a Map as payload', { topic: 't', payload: new Map() }, /of Map .*Object\.fromEntries/],
  ['a Set as payload', { topic: 't', payload: new Set() }, /of Set .*\[\.\.\.set\]/],
  ['an Error as payload', { topic: 't', payload: new Error('e') }, /of Error .*fields/],
  ['no number as payload', { topic: 't', payload: Number.NaN }, /NaN .*no such number/],
  [
    'a function as payload',
    { topic: 't', payload: () => 1 },
    /a function can't be written as JSON/,
  ],
  ['a header without a name', { topic: 't', headers: { '': 'x' } }, /event\.headers/],
  [
    'a number as a header',
    { topic: 't', headers: { a: 1 } },
    /event\.headers\.a: a text is needed/,
  ],
  ['headers as a text', { topic: 't', headers: 'a' }, /event\.headers/],
  ['no UUID as uuid', { topic: 't', uuid: 'x' }, /event\.uuid: a UUID is needed, got "x"/],
  ['an invalid date', { topic: 't', timestamp: new Date(Number.NaN) }, /event\.timestamp/],
  ['a misspelt field', { topic: 't', msgtype: 'x' }, /event\.msgtype: there is no such field/],
  [
    'too many bytes',
    { topic: 't', payload: Buffer.alloc(1001) },
    /1001 bytes, and maxRecordBytes is 1000/,
  ],
]
for (const [what, input, message] of wrong) {
  test(`${what} is an error that names the field, before anything is written`, () => {
    assert.throws(
      () => encode(input),
      (error: unknown) => error instanceof EventError && message.test(error.message),
    )
  })
}

test('the error of JSON is the cause, also for one event of several', async () => {
  assert.throws(
    () => encode({ topic: 't', payload: circular }),
    (error: EventError) => error.cause instanceof TypeError,
  )
  const outbox = new Outbox({} as OutboxStore, limits, () => {})
  await assert.rejects(
    outbox.send({}, [{ topic: 't' }, { topic: 't', payload: 1n }]),
    (error: EventError) =>
      error.message.startsWith('event 1: event.payload') && error.cause instanceof TypeError,
  )
})

test('a value that writes itself as JSON is taken', () => {
  class Tags extends Set<string> {
    toJSON(): string[] {
      return [...this]
    }
  }
  assert.deepEqual(encode({ topic: 't', payload: new Tags(['a']) }).payload, Buffer.from('["a"]'))
})

for (const [what, args] of Object.entries({
  'an event before its transaction': [{ topic: 't' }, { query() {} }],
  'events before their transaction': [[{ topic: 't' }], { query() {} }],
  'an event without a transaction': [{ topic: 't' }, undefined],
}))
  test(`${what} is an error that says which comes first`, async () => {
    const outbox = new Outbox({} as OutboxStore, limits, () => {})
    await assert.rejects(outbox.send(args[0], args[1] as EventInput), {
      code: 'ONCOMMIT_TRANSACTION',
      message: /the transaction comes first: send\(tx, event\)/,
    })
  })

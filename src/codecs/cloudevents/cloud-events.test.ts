import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { describe, it } from 'node:test'
import type { DecodedEvent, WireRecord } from '../../core/codec.ts'
import { OptionError } from '../../core/errors.ts'
import type { HeaderValue, OutboxEvent } from '../../core/event.ts'
import { isUuid, uuidv7 } from '../../core/uuid.ts'
import { cloudEvents } from './index.ts'

const codec = cloudEvents()

function eventOf(changes: Partial<OutboxEvent> = {}): OutboxEvent {
  return {
    uuid: '0198c5a4-5d9e-7abc-8def-0123456789ab',
    timestamp: new Date('2026-03-01T12:34:56.789Z'),
    topic: 'orders',
    key: 'order-1',
    msgType: 'OrderPlaced',
    mimeType: 'application/json',
    headers: [],
    payload: Buffer.from('{"total":12}'),
    ...changes,
  }
}

function recordOf(changes: Partial<WireRecord> = {}): WireRecord {
  return { key: null, value: Buffer.from('x'), headers: [], ...changes }
}

function decode(record: WireRecord, topic = 'orders'): DecodedEvent {
  const { uuid, timestamp, key, msgType, mimeType, headers, payload } = codec.decode(record, topic)
  return { uuid, timestamp, key, msgType, mimeType, headers, payload }
}

function pick<T>(choices: readonly [T, ...T[]]): T {
  return choices[randomInt(choices.length)] ?? choices[0]
}

const texts = ['', 'a', 'héllo', '日本', '\0', '\u{feff}bom', '🦊', 'x'.repeat(300)] as const
const names = ['a', 'A', 'é', '', 'ce_id', 'ce_time', 'content-type', 'traceparent'] as const

function randomEvent(): OutboxEvent {
  return eventOf({
    uuid: uuidv7(),
    timestamp: new Date(randomInt(4_000_000_000_000)),
    key: pick([null, ...texts]),
    msgType: pick(['OrderPlaced', ...texts.slice(1)]),
    mimeType: pick([...texts]),
    headers: Array.from({ length: randomInt(6) }, (): readonly [string, HeaderValue] => [
      pick([...names]),
      pick<HeaderValue>([...texts, randomBytes(randomInt(40))]),
    ]),
    payload: pick([null, Buffer.alloc(0), randomBytes(randomInt(200)), new Uint8Array([0, 255])]),
  })
}

describe('cloudEvents', () => {
  it('writes the binary mode: payload as value, attributes as headers, then the own headers', () => {
    const own = [
      ['b', 'two'],
      ['a', Uint8Array.from([0xff, 0x00])],
      ['b', 'three'],
    ] as const
    const record = codec.encode(eventOf({ headers: own }))
    assert.deepEqual(record.key, Buffer.from('order-1'))
    assert.deepEqual(record.value, Buffer.from('{"total":12}'))
    assert.deepEqual(
      record.headers.map(([name, value]) => [name, value.toString('latin1')]),
      [
        ['ce_specversion', '1.0'],
        ['ce_id', '0198c5a4-5d9e-7abc-8def-0123456789ab'],
        ['ce_source', 'oncommit'],
        ['ce_type', 'OrderPlaced'],
        ['ce_time', '2026-03-01T12:34:56.789Z'],
        ['content-type', 'application/json'],
        ['b', 'two'],
        ['a', '\u00ff\0'],
        ['b', 'three'],
      ],
    )
  })

  it('gives back every event as it was, byte for byte', () => {
    for (let round = 0; round < 2_000; round++) {
      const event = randomEvent()
      const decoded = decode(codec.encode(event))
      assert.deepEqual(decoded, {
        uuid: event.uuid,
        timestamp: event.timestamp,
        key: event.key,
        msgType: event.msgType,
        mimeType: event.mimeType,
        headers: event.headers.map(([name, value]) => [name, Buffer.from(value)]),
        payload: event.payload === null ? null : Buffer.from(event.payload),
      })
    }
  })

  it('tells a tombstone from an empty payload, and no key from an empty one', () => {
    const tombstone = codec.encode(eventOf({ payload: null, key: null }))
    assert.equal(tombstone.value, null)
    assert.equal(tombstone.key, null)
    const empty = codec.encode(eventOf({ payload: new Uint8Array(0), key: '' }))
    assert.equal(empty.value?.length, 0)
    assert.equal(empty.key?.length, 0)
  })

  it('does not copy the payload', () => {
    const payload = new Uint8Array([1, 2, 3])
    const record = codec.encode(eventOf({ payload }))
    payload[0] = 9
    assert.equal(record.value?.[0], 9)
  })

  it('names the topic where an event has no type, as the attribute must not be empty', () => {
    const record = codec.encode(eventOf({ msgType: '' }))
    assert.equal(codec.decode(record, 'orders').msgType, 'orders')
  })

  it('takes the source of its options', () => {
    const record = cloudEvents({ source: '/shop' }).encode(eventOf())
    assert.equal(record.headers.find(([name]) => name === 'ce_source')?.[1].toString(), '/shop')
    assert.throws(() => cloudEvents({ source: '' }), OptionError)
    assert.throws(() => cloudEvents({ sauce: 'x' } as object), /cloudEvents.sauce/)
  })

  it('reads a record that is no CloudEvent', () => {
    const headers = [['h', Buffer.from('1')]] as const
    assert.deepEqual(decode(recordOf({ headers })), {
      uuid: undefined,
      timestamp: undefined,
      key: null,
      msgType: '',
      mimeType: 'application/octet-stream',
      headers: [['h', Buffer.from('1')]],
      payload: Buffer.from('x'),
    })
    const typed = recordOf({ headers: [['content-type', Buffer.from('text/csv')]] })
    assert.equal(codec.decode(typed, 'orders').mimeType, 'text/csv')
    assert.deepEqual(codec.decode(typed, 'orders').headers, [])
  })

  it("leaves another program's id and source in the headers", () => {
    const headers = [
      ['ce_id', Buffer.from('41-a')],
      ['ce_source', Buffer.from('/other')],
      ['ce_type', Buffer.from('T')],
      ['ce_subject', Buffer.from('s')],
    ] as const
    const decoded = codec.decode(recordOf({ headers }), 'orders')
    assert.equal(decoded.uuid, undefined)
    assert.equal(decoded.msgType, 'T')
    assert.deepEqual(
      decoded.headers.map(([name]) => name),
      ['ce_id', 'ce_source', 'ce_subject'],
    )
  })

  it('throws on what is not UTF-8 and on a time that is none', () => {
    const bad = Buffer.from([0xc3, 0x28])
    assert.throws(() => codec.decode(recordOf({ key: bad }), 't'), /the key is not UTF-8/)
    for (const name of ['ce_type', 'content-type'])
      assert.throws(() => codec.decode(recordOf({ headers: [[name, bad]] }), 't'), /is not UTF-8/)
    const time = recordOf({ headers: [['ce_time', Buffer.from('soon')]] })
    assert.throws(() => codec.decode(time, 't'), /ce_time is no time/)
  })

  it('reads each time that a program may write, and throws on each that there is not', () => {
    const time = (text: string) =>
      decode(recordOf({ headers: [['ce_time', Buffer.from(text)]] })).timestamp
    for (const text of [
      '2026-03-01T12:34:56.789Z',
      '2024-02-29T23:59:59.999Z',
      '2026-12-31T00:00:00.000Z',
      '2026-03-01T12:34:56Z',
      '2026-03-01T12:34:56.789123+02:00',
      '+020000-01-01T00:00:00.000Z',
      '0001-01-01T00:00:00.000Z',
    ])
      assert.deepEqual(time(text), new Date(text))
    for (const text of [
      '2026-00-01T12:34:56.789Z',
      '2026-13-01T12:34:56.789Z',
      '2026-03-00T12:34:56.789Z',
      '2026-03-32T12:34:56.789Z',
      '2026-03-01T25:34:56.789Z',
      '2026-03-01T12:60:56.789Z',
      '2026-03-01T12:34:60.789Z',
      '2026-03-01T12:34:56.78xZ',
      '2026-03-01t12:34:56,789Z',
      '',
    ])
      assert.throws(() => time(text), /ce_time is no time/, text)
  })

  it('takes each UUID in its usual form, and nothing else, for its own', () => {
    const uuid = (text: string) =>
      decode(recordOf({ headers: [['ce_id', Buffer.from(text)]] })).uuid
    const own = '0198c5a4-5d9e-7abc-8def-0123456789AB'
    assert.equal(uuid(own), own)
    for (let at = 0; at < own.length; at++)
      for (const wrong of ['g', '-', '0', '\0'])
        assert.equal(
          uuid(own.slice(0, at) + wrong + own.slice(at + 1)) !== undefined,
          isUuid(own.slice(0, at) + wrong + own.slice(at + 1)),
        )
    for (const wrong of ['', own.slice(1), `${own}0`, own.replaceAll('-', '')])
      assert.equal(uuid(wrong), undefined)
  })

  it('throws while it decodes, and never later', () => {
    const long = Buffer.concat([Buffer.alloc(200, 'a'), Buffer.from([0xff])])
    for (const bad of [long, Buffer.from([0xff]), Buffer.from([0xed, 0xa0, 0x80])]) {
      assert.throws(() => codec.decode(recordOf({ key: bad }), 't'), /the key is not UTF-8/)
      for (const name of ['ce_type', 'content-type', 'ce_time'])
        assert.throws(() => codec.decode(recordOf({ headers: [[name, bad]] }), 't'), /not UTF-8/)
    }
  })

  it('refuses text that UTF-8 has no bytes for, instead of changing it', () => {
    for (const changes of [
      { key: '\ud800' },
      { msgType: '\udc00' },
      { mimeType: 'a\ud800' },
      { headers: [['h', '\ud800']] as const },
      { headers: [['\ud800', 'h']] as const },
    ])
      assert.throws(() => codec.encode(eventOf(changes)), /lone surrogate/)
  })
})

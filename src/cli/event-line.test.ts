import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventAsJson, eventAsLine } from './event-line.ts'

const event: Parameters<typeof eventAsLine>[0] = {
  topic: 'orders',
  partition: 2,
  offset: 15n,
  publishedAt: new Date('2026-01-31T09:00:00.000Z'),
  uuid: 'u',
  timestamp: undefined,
  key: 'a',
  msgType: 'Placed',
  mimeType: 'application/json',
  headers: [
    ['h', Buffer.from('1')],
    ['h', Buffer.from('2')],
  ],
  payload: Buffer.from('{"n":1}'),
}
const BEGIN = '2026-01-31T09:00:00.000Z 2@15'

describe('an event on a line', () => {
  it('shows time, place, key, type and payload', () => {
    assert.equal(eventAsLine(event), `${BEGIN} a Placed {"n":1}`)
  })

  it('tells no key from an empty one and from a dash', () => {
    const keys = [null, '', '-', 'a b'].map((key) => eventAsLine({ ...event, key }).split(' Pl')[0])
    assert.deepEqual(
      keys,
      ['-', '""', '"-"', '"a b"'].map((key) => `${BEGIN} ${key}`),
    )
  })

  it('shortens a long payload, counts bytes that are no text, and says where there is none', () => {
    const lines = [Buffer.from('ä'.repeat(500)), Buffer.from([0xff, 0xfe]), null].map((payload) =>
      eventAsLine({ ...event, payload }).slice(`${BEGIN} a Placed `.length),
    )
    assert.deepEqual(lines, [`${'ä'.repeat(120)}…`, '(2 bytes)', '(no payload)'])
  })

  it('never breaks the line nor commands the terminal', () => {
    const nasty = 'a\nb\u001B[2J\u009Bc\u202E\u2028'
    const line = eventAsLine({ ...event, key: nasty, payload: Buffer.from(nasty) })
    assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\u2028]/u)
    assert.match(line, /a\\nb\\u\{1b\}\[2J/)
  })

  it('has everything in JSON, bytes that are no text in base64', () => {
    assert.deepEqual(JSON.parse(eventAsJson(event)), {
      topic: 'orders',
      partition: 2,
      offset: '15',
      publishedAt: '2026-01-31T09:00:00.000Z',
      uuid: 'u',
      key: 'a',
      msgType: 'Placed',
      mimeType: 'application/json',
      headers: [
        ['h', '1'],
        ['h', '2'],
      ],
      payload: '{"n":1}',
    })
    const bytes = JSON.parse(eventAsJson({ ...event, payload: Buffer.from([0xff]) })) as object
    assert.ok(!('payload' in bytes))
    assert.equal((bytes as { payloadBase64: string }).payloadBase64, '/w==')
  })
})

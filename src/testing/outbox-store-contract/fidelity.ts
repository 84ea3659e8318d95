import assert from 'node:assert/strict'
import {
  eventSize,
  type HeaderValue,
  type OutboxEvent,
  type StoredEvent,
} from '../../core/event.ts'
import type { ContractCase } from '../contract-case.ts'
import { ContractRelay } from './contract-relay.ts'
import { eventOf, send, type StoreHarness } from './harness.ts'

function shownValue(value: HeaderValue): unknown {
  return typeof value === 'string' ? value : { bytes: Buffer.from(value).toString('hex') }
}

/** An event as plain values, its bytes as hex; text and bytes of headers told apart. */
function shown(event: OutboxEvent): unknown {
  return {
    uuid: event.uuid,
    timestamp: event.timestamp.toISOString(),
    topic: event.topic,
    key: event.key,
    msgType: event.msgType,
    mimeType: event.mimeType,
    headers: event.headers.map(([name, value]) => [name, shownValue(value)]),
    payload: event.payload === null ? null : Buffer.from(event.payload).toString('hex'),
  }
}

/** Sends all in one call, then each in a call of its own, and gives what comes out. */
async function through(
  harness: StoreHarness,
  events: readonly OutboxEvent[],
): Promise<readonly StoredEvent[]> {
  await using relay = await ContractRelay.owning(harness.store)
  await send(harness, ...events)
  const together = (await relay.fetchAll()).events
  await relay.settle(together.map(({ id }) => id))
  for (const event of events) await send(harness, event)
  return [...together, ...(await relay.fetchAll()).events]
}

function faithful(title: string, events: () => readonly OutboxEvent[]): ContractCase<StoreHarness> {
  return {
    title: `${title} come out as they went in`,
    run: async (harness) => {
      const sent = events()
      const got = await through(harness, sent)
      assert.deepEqual(got.map(shown), [...sent, ...sent].map(shown))
      const sizes = [...sent, ...sent].map((event) => eventSize(event))
      assert.deepEqual(
        got.map(({ size }) => size),
        sizes,
      )
    },
  }
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

/** Bytes within a larger buffer, as drivers and codecs hand them on. */
function window(bytes: Uint8Array): Uint8Array {
  const around = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('behind')])
  return new Uint8Array(around.buffer, around.byteOffset + 6, bytes.byteLength)
}

/** That what goes in comes out, byte for byte. */
export const fidelityCases: readonly ContractCase<StoreHarness>[] = [
  faithful('payloads of any bytes', () => [
    eventOf('', { payload: everyByte }),
    eventOf('', { payload: Buffer.from([0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0xfe]) }),
    eventOf('', { payload: window(everyByte) }),
    eventOf('', { payload: new Uint8Array([0, 0, 0]) }),
    eventOf('', { payload: Buffer.from(String.raw`\x00 \\ '' "" $1 ? %s \N {null,NULL}`) }),
  ]),
  faithful('a payload that is empty and one that is null', () => [
    eventOf('', { payload: new Uint8Array() }),
    eventOf('', { payload: null }),
    eventOf('', { payload: Buffer.from('null') }),
  ]),
  faithful('payloads of 900 KiB', () => [
    eventOf('', { payload: Buffer.alloc(900 * 1024, everyByte) }),
    eventOf('', { payload: Buffer.alloc(900 * 1024, 0) }),
  ]),
  faithful('keys that are null, empty, or not ASCII', () =>
    [null, '', 'null', 'NULL', ' k ', 'K', 'k', 'é', 'e\u0301', '鍵🔑', `'"\\{},%_`, '1', '01']
      .map((key) => eventOf('a', { key }))
      .concat(eventOf('long', { key: 'k'.repeat(10_000) })),
  ),
  faithful('headers in their order, with duplicates and bytes', () => [
    eventOf('none'),
    eventOf('many', {
      headers: [
        ['b', '1'],
        ['a', ''],
        ['b', '2'],
        ['b', '1'],
        ['B', 'é🔑 \\ " \' \n\t\u0001'],
        ['é', '{"b64":"AA=="}'],
        ['__proto__', 'own'],
        ['10', 'ten'],
        ['9', 'nine'],
      ],
    }),
    eventOf('bytes', {
      headers: [
        ['every', everyByte],
        ['window', window(Buffer.from([0xff, 0xfe]))],
        ['empty', new Uint8Array()],
        ['text', 'text'],
        ['every', everyByte],
      ],
    }),
    eventOf('long', { headers: [['h'.repeat(1_000), 'v'.repeat(100_000)]] }),
  ]),
  faithful('names and types of any characters', () => [
    eventOf('a', { topic: 'a'.repeat(249), msgType: '', mimeType: '' }),
    eventOf('b', { topic: 'A.b_c-9', msgType: `Ärger 🔑 '"\\`, mimeType: 'text/x; a="é"' }),
    eventOf('c', { uuid: '01890a5d-ac96-774b-bcce-b302099a8057' }),
    eventOf('d', { uuid: 'ffffffff-ffff-ffff-ffff-ffffffffffff' }),
  ]),
  faithful('times, to the millisecond,', () =>
    [
      '1970-01-01T00:00:00.000Z',
      '1969-12-31T23:59:59.999Z',
      '2024-02-29T12:00:00.001Z',
      '2026-03-29T01:30:00.999Z',
      '0001-01-01T00:00:00.000Z',
      '9999-12-31T23:59:59.999Z',
    ].map((time) => eventOf('a', { timestamp: new Date(time) })),
  ),
  {
    title: 'all events of a key travel on one lane, each on a lane that there is',
    run: async (harness) => {
      const keys = ['a', 'b', '', 'é', null, 'k'.repeat(5_000)]
      const got = await through(
        harness,
        [...keys, ...keys].map((key) => eventOf('a', { key })),
      )
      for (const key of keys) {
        const lanes = got.filter((event) => event.key === key).map(({ lane }) => lane)
        assert.equal(lanes.length, 4)
        if (key !== null) assert.equal(new Set(lanes).size, 1)
        for (const lane of lanes)
          assert.ok(Number.isInteger(lane) && lane >= 0 && lane < harness.store.lanes)
      }
    },
  },
]

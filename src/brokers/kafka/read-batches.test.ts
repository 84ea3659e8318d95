import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { type LogRecord, type WireRecord } from '../../core/codec.ts'
import { HeaderNames } from './header-names.ts'
import { type KafkaPeer, loadKafka } from './kafka-client.ts'
import { readBatches } from './read-batches.ts'
import { encodeBatch } from './record-batch.ts'
import type { KafkaWire } from './wire.ts'

const LOG_APPEND_TIME = 0x08
const PRODUCER = { producerId: 7n, producerEpoch: 0, transactional: true }

let peer: KafkaPeer & KafkaWire

before(async () => {
  peer = await loadKafka()
})

function encode(records: readonly WireRecord[], compression = 'none', timestamp = 1_000): Buffer {
  const source = { records, indexes: Array.from(records.keys()) }
  return encodeBatch(peer, source, { producer: PRODUCER, sequence: 0, timestamp, compression })
}

const read = (bytes: Buffer) =>
  readBatches(bytes, {
    names: new HeaderNames(),
    decompress: (algorithm, compressed) =>
      peer.compressionsAlgorithmsByBitmask[algorithm]?.decompressSync(compressed) ?? compressed,
  })

function all(bytes: Buffer): readonly LogRecord[] {
  return read(bytes).flatMap(({ records }) => records)
}

const plain = (value: string): WireRecord => ({
  key: null,
  value: Buffer.from(value),
  headers: [],
})

const records: readonly WireRecord[] = [
  { key: null, value: null, headers: [] },
  { key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [['', Buffer.alloc(0)]] },
  {
    key: Buffer.from('k'),
    value: randomBytes(300),
    headers: [
      ['a', Buffer.from('1')],
      ['é', randomBytes(200)],
      ['a', Buffer.from('2')],
    ],
  },
  { key: Buffer.from('k'), value: randomBytes(70_000), headers: [['b', Buffer.from('1')]] },
]

describe('batches of records', () => {
  it('are read as they were written, byte for byte, compressed or not', () => {
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const [batch, ...others] = read(encode(records, compression))
      assert.deepEqual(others, [])
      assert.deepEqual(
        batch?.records,
        records.map((one, at) => ({ ...one, offset: BigInt(at), timestamp: 1_000 })),
        compression,
      )
      assert.equal(batch?.producerId, 7n)
      assert.equal(batch?.lastOffsetDelta, 3)
    }
  })

  it('count their offsets from the first one, beyond what a number can hold, too', () => {
    const bytes = encode([plain('a'), plain('b')])
    bytes.writeBigInt64BE(2n ** 60n, 0)
    assert.deepEqual(
      all(bytes).map(({ offset }) => offset),
      [2n ** 60n, 2n ** 60n + 1n],
    )
  })

  it('have the time of their creation, or of the log where the topic says so', () => {
    const bytes = encode([plain('a')], 'none', 1_795_546_911_053)
    assert.equal(all(bytes)[0]?.timestamp, 1_795_546_911_053)
    bytes.writeInt16BE(LOG_APPEND_TIME, 21)
    bytes.writeBigInt64BE(9_000n, 35)
    assert.equal(all(bytes)[0]?.timestamp, 9_000)
  })

  it('are left out where they were cut off', () => {
    const first = encode([plain('a')])
    const both = Buffer.concat([first, encode([plain('b')])])
    for (let length = 0; length <= both.length; length++) {
      const found = length < first.length ? 0 : length < both.length ? 1 : 2
      assert.equal(read(both.subarray(0, length)).length, found)
    }
  })

  it('throw where they are damaged, and never run on', () => {
    const whole = encode(records.slice(0, 3))
    const old = Buffer.from(whole)
    old[16] = 1
    assert.throws(() => read(old), /format 1/)
    for (let at = 61; at < whole.length; at++) {
      const bytes = Buffer.from(whole)
      bytes[at] = 0xff
      try {
        read(bytes)
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
      }
    }
    const more = Buffer.from(whole)
    more.writeInt32BE(1_000_000, 57)
    assert.throws(() => read(more), RangeError)
  })

  it('find a name again where another stood between', () => {
    const named = (name: string): WireRecord => ({
      ...plain('x'),
      headers: [[name, Buffer.from('1')]],
    })
    const names = ['one', 'two', 'one', 'onf', 'on', 'x'.repeat(1_000), 'one']
    assert.deepEqual(
      all(encode(names.map(named))).map(({ headers }) => headers[0]?.[0]),
      names,
    )
  })
})

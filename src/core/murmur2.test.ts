import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { murmur2, partitionOf } from './murmur2.ts'

describe('murmur2', () => {
  // The vectors of Apache Kafka's own UtilsTest.
  const vectors: readonly (readonly [text: string, hash: number])[] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ]

  for (const [text, hash] of vectors) {
    it(`hashes ${JSON.stringify(text)} as Java does`, () => {
      assert.equal(murmur2(Buffer.from(text)), hash)
    })
  }

  it('chooses a partition without a sign, for the empty key too', () => {
    assert.equal(partitionOf(Buffer.from('21'), 7), (-973932308 & 0x7fffffff) % 7)
    for (const key of ['', 'a', 'é', '\0', 'x'.repeat(1000)]) {
      const partition = partitionOf(Buffer.from(key), 4)
      assert.ok(partition >= 0 && partition < 4)
    }
  })

  it('reads every byte as unsigned', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => 255 - index))
    assert.equal(murmur2(bytes), murmur2(Buffer.from(bytes)))
    assert.notEqual(murmur2(Buffer.from([0xff])), murmur2(Buffer.from([0x7f])))
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TopicRecord } from '../../core/broker.ts'
import { KeylessTurns, MAX_BATCH_BYTES, planSends } from './sends.ts'

function record(topic: string, key: string | null, bytes = 10): TopicRecord {
  return {
    topic,
    key: key === null ? null : Buffer.from(key),
    value: Buffer.alloc(bytes),
    headers: [],
  }
}

const four = (): number => 4

describe('planSends', () => {
  it('places every record once, each key in one partition and in order', () => {
    const records = Array.from({ length: 500 }, (_, at) =>
      record(`t${at % 3}`, `${at % 17}`, 9_000),
    )
    const sends = planSends(records, four, new KeylessTurns())
    const placed = sends.flat().flatMap(({ indexes }) => indexes)
    assert.deepEqual(
      placed.toSorted((a, b) => a - b),
      records.map((_, at) => at),
    )
    const partitions = new Map<string, Set<number>>()
    const last = new Map<string, number>()
    for (const { topic, partition, indexes } of sends.flat())
      for (const index of indexes) {
        const place = `${topic} ${records[index]?.key?.toString()}`
        partitions.set(place, (partitions.get(place) ?? new Set()).add(partition))
        assert.ok((last.get(place) ?? -1) < index)
        last.set(place, index)
      }
    assert.ok([...partitions.values()].every(({ size }) => size === 1))
  })

  it('closes a batch below the limit, and sends a partition once at a time', () => {
    const records = Array.from({ length: 400 }, () => record('t', 'k', 10_000))
    const sends = planSends(records, four, new KeylessTurns())
    assert.equal(sends.length, Math.ceil(400 / Math.floor(MAX_BATCH_BYTES / 10_013)))
    for (const send of sends) {
      const places = send.map(({ topic, partition }) => `${topic} ${partition}`)
      assert.equal(new Set(places).size, places.length)
      for (const { indexes } of send) assert.ok(indexes.length * 10_000 < MAX_BATCH_BYTES)
    }
  })

  it('sends a record above the limit by itself', () => {
    const records = [record('t', 'k'), record('t', 'k', 2_000_000), record('t', 'k')]
    const sends = planSends(records, four, new KeylessTurns())
    assert.deepEqual(
      sends.map((send) => send.map(({ indexes }) => indexes)),
      [[[0]], [[1]], [[2]]],
    )
  })

  it('keeps keyless records of a batch together, and moves on with the next batch', () => {
    const turns = new KeylessTurns()
    const partitions = Array.from({ length: 5 }, () => {
      const records = Array.from({ length: 10 }, () => record('t', null))
      const batches = planSends(records, four, turns).flat()
      assert.equal(batches.length, 1)
      return batches[0]?.partition
    })
    assert.deepEqual(partitions, [0, 1, 2, 3, 0])
  })
})

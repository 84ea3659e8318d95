import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assignPartitions } from './assignment.ts'

function sizes(
  members: Readonly<Record<string, readonly string[]>>,
  counts: Readonly<Record<string, number>>,
): Record<string, string[]> {
  const assigned = assignPartitions(
    Object.entries(members).map(([memberId, topics]) => ({ memberId, topics })),
    new Map(Object.entries(counts)),
  )
  return Object.fromEntries(
    Array.from(assigned, ([member, list]) => [
      member,
      list.map((one) => `${one.topic}:${one.partition}`),
    ]),
  )
}

describe('an assignment', () => {
  it('gives each partition to one reader of its topic, evenly', () => {
    assert.deepEqual(sizes({ a: ['t'], b: ['t'] }, { t: 5 }), {
      a: ['t:0', 't:2', 't:4'],
      b: ['t:1', 't:3'],
    })
  })

  it('is even over all topics, also where each has one partition', () => {
    const topics = ['t', 'u', 'v', 'w']
    const counts = Object.fromEntries(topics.map((topic) => [topic, 1]))
    const lists = Object.values(sizes({ a: topics, b: topics }, counts))
    assert.deepEqual(
      lists.map((list) => list.length),
      [2, 2],
    )
  })

  it('gives members that read different topics each their own', () => {
    assert.deepEqual(sizes({ a: ['t'], b: ['u'] }, { t: 2, u: 2 }), {
      a: ['t:0', 't:1'],
      b: ['u:0', 'u:1'],
    })
  })

  it('names members without a partition, too, and leaves out topics that nobody reads', () => {
    assert.deepEqual(sizes({ a: ['t'], b: ['t'], c: ['gone'] }, { t: 1, gone: 0, other: 3 }), {
      a: ['t:0'],
      b: [],
      c: [],
    })
  })

  it('is the same whatever the order of the members', () => {
    assert.deepEqual(
      sizes({ b: ['t'], a: ['t'] }, { t: 3 }),
      sizes({ a: ['t'], b: ['t'] }, { t: 3 }),
    )
  })
})

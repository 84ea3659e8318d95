import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assignPartitions, type GroupMember } from './assignment.ts'

function sharesOf(members: readonly GroupMember[], counts: Record<string, number>) {
  const shares = new Map(members.map(({ id }) => [id, [] as string[]]))
  for (const { memberId, topic, partition } of assignPartitions(members, (one) => counts[one] ?? 0))
    shares.get(memberId)?.push(`${topic}${partition}`)
  return Object.fromEntries(shares)
}

const member = (id: string, ...topics: string[]): GroupMember => ({ id, topics })

describe('assignPartitions', () => {
  it('shares evenly, over all topics together', () => {
    assert.deepEqual(sharesOf([member('x', 'a', 'b'), member('y', 'a', 'b')], { a: 1, b: 3 }), {
      x: ['a0', 'b1'],
      y: ['b0', 'b2'],
    })
  })

  it('gives a partition to members that read its topic only', () => {
    assert.deepEqual(sharesOf([member('x', 'a'), member('y', 'b')], { a: 2, b: 2 }), {
      x: ['a0', 'a1'],
      y: ['b0', 'b1'],
    })
  })

  it('evens out what one member has of a topic of its own', () => {
    const members = [member('x', 'a', 'b'), member('y', 'b')]
    assert.deepEqual(sharesOf(members, { a: 2, b: 2 }), { x: ['a0', 'a1'], y: ['b0', 'b1'] })
  })

  it('leaves members without a partition, and topics that are not there', () => {
    const members = [member('x', 'a', 'none'), member('y', 'a')]
    assert.deepEqual(sharesOf(members, { a: 1 }), { x: ['a0'], y: [] })
  })
})

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { describe, it } from 'node:test'
import { type Delivery, PartitionMark } from './marks.ts'

const at = { topic: 't', partition: 0 }

function markAt(offset: bigint): PartitionMark {
  return new PartitionMark(at, { offset, generation: 1 })
}

/** The lowest offset that was delivered and not handled; else the position. */
function expected(deliveries: readonly Delivery[], position: bigint): bigint {
  return deliveries.find((one) => !one.handled)?.offset ?? position
}

describe('a mark', () => {
  it('is the lowest unhandled event, else the position, whatever the order and the gaps', () => {
    for (let round = 0; round < 200; round++) {
      const mark = markAt(5n)
      const deliveries: Delivery[] = []
      const open: Delivery[] = []
      let position = 5n
      let before = mark.offset
      for (let step = 0; step < 200; step++) {
        const choice = randomInt(4)
        if (choice === 0) {
          position += BigInt(randomInt(1, 4))
          mark.pass(position)
        } else if (choice < 3 || open.length === 0) {
          const delivery = mark.deliver(position + BigInt(randomInt(3)))
          position = delivery.offset + 1n
          deliveries.push(delivery)
          open.push(delivery)
        } else {
          const [delivery] = open.splice(randomInt(open.length), 1)
          if (delivery !== undefined) mark.handle(delivery)
        }
        assert.equal(mark.offset, expected(deliveries, position))
        assert.ok(mark.offset >= before, 'it never goes back')
        before = mark.offset
      }
      for (const delivery of open) mark.handle(delivery)
      assert.deepEqual([mark.offset, mark.inHand], [position, 0])
    }
  })

  it('holds thousands behind one that is slow, and catches up at once', () => {
    const mark = markAt(0n)
    const [slow, ...others] = Array.from({ length: 5_000 }, (_, offset) =>
      mark.deliver(BigInt(offset)),
    )
    for (const delivery of others) mark.handle(delivery)
    assert.deepEqual([mark.offset, mark.inHand], [0n, 5_000])
    if (slow !== undefined) mark.handle(slow)
    assert.deepEqual([mark.offset, mark.inHand], [5_000n, 0])
  })

  it('takes a second completion for the first', () => {
    const mark = markAt(0n)
    const [one, two] = [mark.deliver(0n), mark.deliver(1n)]
    mark.handle(one)
    mark.handle(one)
    assert.equal(mark.offset, 1n)
    mark.handle(two)
    mark.handle(one)
    assert.equal(mark.offset, 2n)
  })

  it('stays where it is when its deliveries are abandoned, and their completion marks nothing', () => {
    const mark = markAt(0n)
    const deliveries = [0n, 1n, 2n].map((offset) => mark.deliver(offset))
    mark.handle(deliveries[0]!)
    mark.handle(deliveries[2]!)
    mark.abandon()
    for (const delivery of deliveries) mark.handle(delivery)
    assert.deepEqual([mark.offset, mark.inHand], [1n, 0])
    mark.handle(mark.deliver(1n))
    assert.equal(mark.offset, 2n)
  })

  it('is not moved back by a page that ends below it', () => {
    const mark = markAt(7n)
    mark.pass(3n)
    assert.equal(mark.offset, 7n)
  })
})

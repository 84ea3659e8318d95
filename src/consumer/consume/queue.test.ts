import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { it } from 'node:test'
import { Queue } from './queue.ts'

it('a queue gives what an array would, over random uses', () => {
  const queue = new Queue<number>()
  const expected: number[] = []
  for (let step = 0; step < 20_000; step++) {
    const isGrowing = Math.floor(step / 1_000) % 2 === 0
    const choice = randomInt(10)
    if (choice < (isGrowing ? 7 : 2)) {
      queue.push(step)
      expected.push(step)
    } else if (choice < 9) assert.equal(queue.shift(), expected.shift())
    else assert.equal(queue.pop(), expected.pop())
    assert.equal(queue.length, expected.length)
    assert.equal(queue.first, expected[0])
    assert.equal(queue.last, expected.at(-1))
    assert.deepEqual(queue.peek(3), expected.slice(0, 3))
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../core/clock.ts'
import { RefusalStorms } from './refusal-storms.ts'

interface Hand {
  ms: number
  readonly storms: RefusalStorms
}

function atHand(): Hand {
  const hand = { ms: 0 }
  const clock = { monotonic: () => hand.ms } as Clock
  return Object.assign(hand, { storms: new RefusalStorms(clock) })
}

function refuse(
  { storms }: Hand,
  keys: number,
  error = (n: number): string => `schema ${n} is gone`,
): (number | null)[] {
  return Array.from({ length: keys }, (_, n) => storms.note('t', `key ${n}`, error(n)).pauseMs)
}

test('a hundred keys refused alike within a minute park the topic, and no fewer', () => {
  const hand = atHand()
  assert.deepEqual(new Set(refuse(hand, 99)), new Set([null]))
  assert.equal(
    hand.storms.note('t', 'key 98', 'schema 7 is gone').pauseMs,
    null,
    'a key counts once',
  )
  assert.equal(hand.storms.note('t', 'key 99', 'schema 12,345 is gone').pauseMs, 30_000)
})

test('other topics, other errors and what is long ago do not count', () => {
  const hand = atHand()
  refuse(hand, 60)
  assert.equal(hand.storms.note('u', 'key 99', 'schema 1 is gone').pauseMs, null)
  assert.deepEqual(new Set(refuse(hand, 99, () => 'too large')), new Set([null]))
  hand.ms += 60_000
  assert.deepEqual(new Set(refuse(hand, 99)), new Set([null]))
})

test('what happens again right after rests longer each time, to five minutes', () => {
  const hand = atHand()
  const pauses = Array.from({ length: 6 }, () => {
    const pause = refuse(hand, 100).at(-1) ?? 0
    hand.ms += pause + 1_000
    return pause / 1000
  })
  assert.deepEqual(pauses, [30, 60, 120, 240, 300, 300])
  hand.ms += 3_600_000
  assert.equal(refuse(hand, 100).at(-1), 30_000, 'after an hour it is another one')
})

test("while it lasts, the like is nobody's own fault, and anything else is", () => {
  const hand = atHand()
  const note = (error: string): boolean => hand.storms.note('t', 'key 1', error).lasts
  assert.equal(note('schema 1 is gone'), false)
  refuse(hand, 100)
  hand.ms += 30_000
  assert.equal(note('schema 7 is gone'), true)
  assert.equal(note('too large'), false)
  hand.ms += 120_000
  assert.equal(note('schema 7 is gone'), false)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge, violations } from './judge.ts'
import type { Seen, Verdict } from './judge.ts'

/** `a1` is the first event of the key a; `a1@20` is published at 20, `a1!` under another uuid. */
const events = (...names: string[]): Seen[] =>
  names.map((name) => {
    const [, key = '', number, at = '0'] = /^(\w)(\d+)!?(?:@(\d+))?$/.exec(name) ?? []
    const uuid = name.includes('!') ? 'another' : `${key}${number}`
    return { key, number: Number(number), uuid, at: Number(at) }
  })
const committed = events('a1', 'a2', 'a3', 'b1', 'b2')
const nothing: Verdict = {
  committed: 5,
  lost: 0,
  ghosts: 0,
  duplicated: 0,
  repeats: [0],
  renamed: 0,
  reordered: 0,
  steppedBack: 0,
}

test('the judge finds nothing where every key is whole and in order, however keys interleave', () => {
  const verdict = judge(committed, events('b1', 'a1', 'a2', 'b2', 'a3'))
  assert.deepEqual(verdict, nothing)
  assert.equal(violations(verdict, 0), 0)
})

const planted: [string, string[], Partial<Verdict>][] = [
  ['a lost event', ['a1', 'a3', 'b1', 'b2'], { lost: 1 }],
  ['a ghost', ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'], { ghosts: 1 }],
  ['a duplicate', ['a1', 'a2', 'a2', 'a3', 'b1', 'b2'], { duplicated: 1, repeats: [1] }],
  [
    'a late duplicate',
    ['a1', 'a2', 'a3', 'a1', 'b1', 'b2'],
    { duplicated: 1, repeats: [1], steppedBack: 1 },
  ],
  ['a reordering', ['a2', 'a1', 'a3', 'b1', 'b2'], { reordered: 1 }],
]
for (const [what, names, found] of planted) {
  test(`the judge finds ${what}`, () => {
    const verdict = judge(committed, events(...names))
    assert.deepEqual(verdict, { ...nothing, ...found })
    assert.equal(violations(verdict, 0), 1)
  })
}

test('after each fault so many events may come again, and not one more', () => {
  const seen = events('a1@1', 'a2@1', 'a1@12', 'a2@12', 'a3@13', 'a3@25', 'b1@25', 'b2@25')
  const verdict = judge(committed, seen, [10, 20])
  assert.deepEqual(verdict.repeats, [0, 2, 1])
  assert.equal(violations(verdict, 2), 0)
  assert.equal(violations(verdict, 1), 1)
})

test('nothing may come again before the first fault', () => {
  const verdict = judge(committed, events('a1@1', 'a1@2', 'a2', 'a3', 'b1', 'b2'), [10])
  assert.deepEqual(verdict.repeats, [1, 0])
  assert.equal(violations(verdict, 5), 1)
})

test("a frozen relay's late request counts after the fault that froze it", () => {
  const verdict = judge(committed, events('a1@12', 'a1@9', 'a2', 'a3', 'b1', 'b2'), [10])
  assert.deepEqual(verdict.repeats, [0, 1])
})

test('what comes again has the same uuid', () => {
  const verdict = judge(committed, events('a1@1', 'a1!@12', 'a2', 'a3', 'b1', 'b2'), [10])
  assert.equal(verdict.renamed, 1)
  assert.equal(violations(verdict, 5), 1)
})

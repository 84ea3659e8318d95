import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge, violations } from './judge.ts'

const events = (...names: string[]): { key: string; number: number }[] =>
  names.map((name) => ({ key: name[0] ?? '', number: Number(name.slice(1)) }))
const committed = events('a1', 'a2', 'a3', 'b1', 'b2')

test('the judge finds nothing where every key is whole and in order, however keys interleave', () => {
  const verdict = judge(committed, events('b1', 'a1', 'a2', 'b2', 'a3'))
  assert.deepEqual(verdict, {
    committed: 5,
    lost: 0,
    ghosts: 0,
    duplicated: 0,
    reordered: 0,
    steppedBack: 0,
  })
  assert.equal(violations(verdict, 0), 0)
})

const planted: [string, string[], object][] = [
  ['a lost event', ['a1', 'a3', 'b1', 'b2'], { lost: 1 }],
  ['a ghost', ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'], { ghosts: 1 }],
  ['a duplicate', ['a1', 'a2', 'a2', 'a3', 'b1', 'b2'], { duplicated: 1 }],
  ['a late duplicate', ['a1', 'a2', 'a3', 'a1', 'b1', 'b2'], { duplicated: 1, steppedBack: 1 }],
  ['a reordering', ['a2', 'a1', 'a3', 'b1', 'b2'], { reordered: 1 }],
]
for (const [what, names, found] of planted) {
  test(`the judge finds ${what}`, () => {
    const verdict = judge(committed, events(...names))
    const none = { committed: 5, lost: 0, ghosts: 0, duplicated: 0, reordered: 0, steppedBack: 0 }
    assert.deepEqual(verdict, { ...none, ...found })
    assert.equal(violations(verdict, 0), 1)
  })
}

test('duplicates within the bound of at-least-once are no violation, one above it is', () => {
  const verdict = judge(committed, events('a1', 'a2', 'a1', 'a2', 'a3', 'b1', 'b2'))
  assert.equal(violations(verdict, 2), 0)
  assert.equal(violations(verdict, 1), 1)
})

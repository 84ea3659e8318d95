import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lanesOf, troubledTimes } from './fault-lanes.ts'
import { faultAt } from './sample-run.ts'

const NAMES = ['relay SIGKILL', 'relay SIGSTOP', 'kafka-2 SIGSTOP', 'kafka-10 SIGSTOP', 'clock']

test('of 200 faults in 30 minutes each is drawn, none on another, in the lane of its name', () => {
  const faults = Array.from({ length: 200 }, (_, n) => {
    const seconds = n % 3 === 0 ? 0 : 40
    return faultAt((n * 7919) % 1760, NAMES[n % NAMES.length] ?? '', seconds)
  })
  const lanes = lanesOf(faults, (at) => at / 3)
  assert.equal(lanes.length, NAMES.length)
  const drawn = lanes.flatMap(({ rows }) => rows.flat())
  assert.equal(new Set(drawn.map(({ fault }) => fault)).size, 200)
  for (const { name, rows } of lanes) {
    for (const row of rows) {
      assert.ok(row.every(({ fault }) => fault.name === name))
      for (const [n, { x }] of row.entries()) {
        const before = row[n - 1]
        assert.ok(before === undefined || before.x + before.width < x, `${name} overlaps at ${x}`)
      }
    }
  }
})

test('a fault without duration is wide enough to be seen', () => {
  const [lane] = lanesOf([faultAt(5, 'relay SIGKILL', 0)], (at) => at)
  assert.ok((lane?.rows[0]?.[0]?.width ?? 0) > 2)
})

test('lanes are in the order of their names, numbers as numbers', () => {
  const names = lanesOf(
    NAMES.map((name) => faultAt(1, name)),
    (at) => at,
  ).map(({ name }) => name)
  assert.deepEqual(names, [
    'clock',
    'kafka-2 SIGSTOP',
    'kafka-10 SIGSTOP',
    'relay SIGKILL',
    'relay SIGSTOP',
  ])
})

test('the time of trouble joins what overlaps', () => {
  const faults = [faultAt(20, 'a'), faultAt(0, 'b', 10), faultAt(3, 'c', 2), faultAt(9, 'a', 4)]
  assert.deepEqual(troubledTimes(faults), [
    { from: 0, to: 13 },
    { from: 20, to: 25 },
  ])
})

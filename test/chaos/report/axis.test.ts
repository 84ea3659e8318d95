import assert from 'node:assert/strict'
import { test } from 'node:test'
import { axisOf, short, timeAxisOf } from './axis.ts'

test('an axis has round numbers, begins at zero, and ends above the highest', () => {
  assert.deepEqual(axisOf([180, 240]).ticks, [0, 100, 200, 300])
  assert.deepEqual(axisOf([61_000]).ticks, [0, 50_000, 100_000])
  assert.deepEqual(axisOf([0.3]).ticks.map(short), ['0', '0.1', '0.2', '0.3'])
})

test('what is always zero, or was never measured, has an axis', () => {
  for (const values of [[], [0], [0, 0]]) {
    assert.deepEqual(axisOf(values), { bottom: 0, top: 1, ticks: [0, 1] })
  }
})

test('a total that was set back is not hidden: the axis goes below zero', () => {
  const { bottom, ticks } = axisOf([-50, 100])
  assert.ok(bottom <= -50)
  assert.ok(ticks.includes(0))
})

test('short runs are told in seconds, long ones in minutes', () => {
  assert.equal(told(8), '0 1 2 3 4 5 6 7 8 seconds')
  assert.equal(told(180), '0 30 60 90 120 150 180 seconds')
  assert.equal(told(1800), '0 5 10 15 20 25 30 minutes')
  assert.equal(told(7200), '0 15 30 45 60 75 90 105 120 minutes')
})

test('numbers on an axis are short', () => {
  const shown = [0, 0.5, 250, 1500, 25_000, 1_234_567].map(short)
  assert.deepEqual(shown, ['0', '0.5', '250', '1,500', '25k', '1.23M'])
})

function told(seconds: number): string {
  const { ticks, unit } = timeAxisOf(seconds, 10)
  return `${ticks.map(({ label }) => label).join(' ')} ${unit}`
}

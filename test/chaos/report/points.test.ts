import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Point, ratesOf, stretchesOf, thin } from './points.ts'

const points = (...values: [at: number, value: number][]): Point[] =>
  values.map(([at, value]) => ({ at, value }))

test('a rate is what came between two samples, by the time between them', () => {
  const rates = ratesOf(points([0, 0], [1, 100], [3, 100], [4, 150]))
  assert.deepEqual(rates, points([0.5, 100], [2, 0], [3.5, 50]))
})

test('of one sample, or of none, there is no rate', () => {
  assert.deepEqual(ratesOf(points([5, 100])), [])
  assert.deepEqual(ratesOf([]), [])
})

test('two samples of the same moment do not make an endless rate', () => {
  const rates = ratesOf(points([0, 0], [1, 10], [1, 20], [2, 30]))
  assert.ok(rates.every(({ value }) => Number.isFinite(value)))
})

test('over a gap the average stands from end to end', () => {
  const rates = ratesOf(points([0, 0], [1, 10], [2, 20], [12, 1020], [13, 1030]))
  assert.deepEqual(rates, points([0.5, 10], [1.5, 10], [2, 100], [12, 100], [12.5, 10]))
})

test('a value is cut where nobody could look', () => {
  const stretches = stretchesOf(points([0, 1], [1, 1], [2, 1], [12, 9], [13, 9]))
  assert.deepEqual(stretches, [points([0, 1], [1, 1], [2, 1]), points([12, 9], [13, 9])])
})

test('30 minutes of samples become at most 600 points, with every peak and every standstill', () => {
  const all = Array.from({ length: 1800 }, (_, at) => ({ at, value: 100 + (at % 7) }))
  const peaks = [3, 777, 778, 1401, 1799].map((at, n) => ({ at, value: 1000 + n }))
  const standstills = [0, 500, 1650].map((at) => ({ at, value: 0 }))
  for (const special of [...peaks, ...standstills]) all[special.at] = special
  const thinned = thin(all)
  assert.ok(thinned.length <= 600 && thinned.length > 500, `${thinned.length} points`)
  // 777 and 778 are one peak at the width of a point.
  const kept = peaks.filter((peak) => thinned.includes(peak)).map(({ at }) => at)
  assert.deepEqual(kept, [3, 778, 1401, 1799])
  for (const standstill of standstills) assert.ok(thinned.includes(standstill))
  assert.deepEqual(
    thinned.toSorted((a, b) => a.at - b.at),
    thinned,
  )
})

test('few points are all kept', () => {
  const few = points([0, 1], [1, 1], [2, 1])
  assert.deepEqual(thin(few), few)
  assert.deepEqual(thin([]), [])
})

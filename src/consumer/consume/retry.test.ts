import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { retrySettings } from './retry.ts'

const waits = (options: Parameters<typeof retrySettings>[1], failures: number): number[] => {
  const { waitMs } = retrySettings('consume', options)
  return Array.from({ length: 200 }, () => waitMs(failures))
}

describe('the wait before an event is tried again', () => {
  it('begins at 100 ms, doubles, and ends at 30 s, a fifth of it random', () => {
    for (const [failures, ms] of [
      [1, 100],
      [2, 200],
      [5, 1_600],
      [9, 25_600],
      [10, 30_000],
      [1_000_000, 30_000],
      [Number.MAX_SAFE_INTEGER, 30_000],
    ] as const) {
      const all = waits({}, failures)
      assert.ok(all.every((one) => one >= ms * 0.8 && one <= Math.min(30_000, ms * 1.2)))
      assert.ok(new Set(all).size > 1)
    }
    assert.equal(retrySettings('consume').attempts, 5)
  })

  it('is what the options say, and never above max', () => {
    const backoff = { first: 10, factor: 3, max: 500, jitter: 0 }
    const { waitMs } = retrySettings('consume', { backoff })
    assert.deepEqual(
      [1, 2, 3, 4, 5, 100].map((failures) => waitMs(failures)),
      [10, 30, 90, 270, 500, 500],
    )
    for (const one of waits({ backoff: { ...backoff, jitter: 1 } }, 100)) assert.ok(one <= 500)
  })

  it('may be none', () => {
    assert.deepEqual(new Set(waits({ backoff: { first: 0, max: 0 } }, 3)), new Set([0]))
  })
})

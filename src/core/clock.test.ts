import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { systemClock } from './clock.ts'

describe('a wait', () => {
  it('longer than a timer can be does not end at once', async () => {
    for (const ms of [2 ** 31, 90 * 86_400_000, Infinity]) {
      const stop = new AbortController()
      let isOver = false
      const waited = systemClock.sleep(ms, stop.signal).then(() => (isOver = true))
      const end = performance.now() + 5
      while (performance.now() < end) await turn()
      assert.equal(isOver, false, `${ms} ms`)
      stop.abort()
      await waited
    }
  })

  it('ends with its signal, and one that has aborted begins none', async () => {
    await systemClock.sleep(60_000, AbortSignal.abort())
    const stop = new AbortController()
    const waited = systemClock.sleep(60_000, stop.signal)
    stop.abort()
    await waited
  })
})

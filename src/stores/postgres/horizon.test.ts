import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { Horizon } from './horizon.ts'

describe('the horizon', () => {
  it('looks from the first id on at the first check', () => {
    const horizon = new Horizon()
    assert.equal(horizon.guess(false), 0n)
    assert.equal(at(horizon, 100, 'a'), 0)
  })

  it('goes on behind what was fetched while nobody holds an id', () => {
    const horizon = settledAt(100)
    assert.equal(at(horizon, 105), 101)
    horizon.advance(105n, false)
    // Once more what was assigned between the last two checks: its sender may just have ended.
    assert.equal(at(horizon, 105), 101)
    horizon.advance(undefined, false)
    assert.equal(at(horizon, 105), 106)
  })

  it('looks again at the ids of a sender that has ended, in that check and the next', () => {
    const horizon = settledAt(100)
    at(horizon, 110, 'slow')
    horizon.advance(110n, false)
    for (const assigned of [200, 300, 400]) {
      at(horizon, assigned, 'slow')
      horizon.advance(BigInt(assigned), false)
    }
    assert.equal(at(horizon, 400), 101)
    horizon.advance(undefined, false)
    assert.equal(at(horizon, 400), 101)
    horizon.advance(undefined, false)
    assert.equal(at(horizon, 400), 401)
  })

  it('takes a sender that was there at the first check for one of any id', () => {
    const horizon = new Horizon()
    at(horizon, 100, 'old')
    horizon.advance(100n, false)
    at(horizon, 100, 'old')
    assert.equal(at(horizon, 100, 'old'), 101)
    assert.equal(at(horizon, 100), 0)
  })

  it('takes a new prepared transaction for one that was there before', () => {
    const horizon = settledAt(100)
    at(horizon, 110, 'a', 'b')
    horizon.advance(110n, false)
    at(horizon, 200, 'p9', 'b')
    horizon.advance(200n, false)
    for (let n = 0; n < 3; n++) at(horizon, 200, 'p9', 'b')
    assert.equal(at(horizon, 200, 'b'), 101)
  })

  it('takes a prepared transaction that is seen under both of its names for the old one', () => {
    const horizon = settledAt(100)
    at(horizon, 110, 'a')
    horizon.advance(110n, false)
    at(horizon, 200, 'a', 'p9')
    horizon.advance(200n, false)
    for (let n = 0; n < 3; n++) at(horizon, 200, 'p9')
    assert.equal(at(horizon, 200), 101)
  })

  it('goes on where a limit cut the fetch off, however low that is', () => {
    const horizon = settledAt(100)
    at(horizon, 500)
    horizon.advance(150n, true)
    assert.equal(at(horizon, 500), 101)
    horizon.advance(200n, true)
    assert.equal(at(horizon, 500), 201)
  })

  it('looks from the first id on when it is told to, and goes on after it', () => {
    const horizon = settledAt(100)
    const check = { assigned: 100n, holders: [], server: 's' }
    assert.equal(horizon.guess(true), 0n)
    assert.equal(horizon.observe(check, true), 0n)
    horizon.advance(50n, true)
    assert.equal(horizon.guess(false), 51n)
  })

  it('begins anew after a restart of the server, and where ids were set back', () => {
    const restarted = settledAt(100)
    const check = { assigned: 100n, holders: [], server: 'another' }
    assert.equal(restarted.observe(check, false), 0n)
    assert.equal(at(settledAt(100), 60), 0)
  })

  it('begins anew when it has forgotten', () => {
    const horizon = settledAt(100)
    horizon.forget()
    assert.equal(horizon.guess(false), 0n)
    assert.equal(at(horizon, 100), 0)
  })
})

/** Where a check makes the horizon look from. */
function at(horizon: Horizon, assigned: number, ...holders: string[]): number {
  return Number(horizon.observe({ assigned: BigInt(assigned), holders, server: 's' }, false))
}

/** Nobody writes, and all up to `id` was fetched. */
function settledAt(id: number): Horizon {
  const horizon = new Horizon()
  for (let n = 0; n < 3; n++) {
    at(horizon, id)
    horizon.advance(BigInt(id), false)
  }
  return horizon
}

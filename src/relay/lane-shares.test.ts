import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RelayState } from '../core/outbox-store.ts'
import { RELAY_PROTOCOL, laneShare, lanesToClaim, lanesToRelease } from './lane-shares.ts'

const relay = (id: string, lanes: number, more: Partial<RelayState> = {}): RelayState => ({
  id,
  protocol: RELAY_PROTOCOL,
  state: 'live',
  lanes,
  ...more,
})
const policy = (relayId: string, maxRelays = 4) => ({ relayId, lanes: 64, maxRelays })
const lanes = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n)

test('one relay takes all lanes, two take half each, three take a third', () => {
  assert.equal(laneShare([relay('a', 0)], policy('a')), 64)
  assert.equal(laneShare([relay('a', 64), relay('b', 0)], policy('b')), 32)
  assert.equal(laneShare([relay('a', 32), relay('b', 32), relay('c', 0)], policy('c')), 22)
})

test('an owner gives back what is more than its share, and no more is claimed than the share', () => {
  const relays = [relay('a', 64), relay('b', 0)]
  assert.deepEqual(lanesToRelease(lanes(0, 64), relays, policy('a')), lanes(32, 32))
  const view = { relays, owned: lanes(0, 30), free: lanes(30, 34) }
  assert.deepEqual(lanesToClaim(view, policy('a')), [30, 31])
})

test('relays beyond maxRelays stand by, and never displace an owner', () => {
  const relays = [relay('z', 32), relay('y', 32), relay('a', 0)]
  assert.equal(laneShare(relays, policy('a', 2)), 0)
  assert.equal(laneShare(relays, policy('z', 2)), 32)
})

test('with fewer lanes than relays the newest stand by', () => {
  const relays = [relay('b', 1), relay('a', 0)]
  assert.equal(laneShare(relays, { ...policy('a'), lanes: 1 }), 0)
  assert.equal(laneShare(relays, { ...policy('b'), lanes: 1 }), 1)
})

test('relays that are dead do not count', () => {
  const relays = [
    relay('a', 64, { state: 'expired' }),
    relay('b', 0),
    relay('c', 0, { state: 'fenced' }),
  ]
  assert.equal(laneShare(relays, policy('b')), 64)
})

test('no lane is taken beside a relay of an older protocol', () => {
  const relays = [relay('a', 32, { protocol: RELAY_PROTOCOL - 1 }), relay('b', 0)]
  assert.equal(laneShare(relays, policy('b')), 0)
})

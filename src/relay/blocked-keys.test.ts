import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredEvent } from '../core/event.ts'
import type { BlockedEntry } from '../core/outbox-store.ts'
import { BlockedKeys } from './blocked-keys.ts'

const event = (topic: string, key: string | null, lane = 0, id = 1n): StoredEvent => ({
  id,
  lane,
  topic,
  key,
  size: 0,
  uuid: '',
  timestamp: new Date(0),
  msgType: '',
  mimeType: '',
  headers: [],
  payload: null,
})
const entry = (topic: string, lane: number, id = BigInt(lane)): BlockedEntry => {
  return { id, topic, key: null, eventId: null, lane, error: 'gone', state: 'blocked', attempts: 0 }
}
const keyEntry = (key: string | null, changes: Partial<BlockedEntry> = {}): BlockedEntry => {
  return { ...entry('t', 0, 9n), key, eventId: 1n, state: 'retrying', attempts: 3, ...changes }
}

function nothingParked(): BlockedKeys {
  return new BlockedKeys(() => {})
}

test('a refused event blocks its key and no other; without a key only itself', () => {
  const blocked = nothingParked()
  blocked.refused(event('t', 'a'), 1)
  assert.equal(blocked.scopeOf(event('t', 'a'), 'delivery')?.key, 'a')
  assert.equal(blocked.scopeOf(event('t', 'b'), 'delivery'), null)
  assert.equal(blocked.scopeOf(event('u', 'a'), 'delivery'), null)
  blocked.refused(event('t', null), 1)
  assert.equal(blocked.scopeOf(event('t', null), 'delivery'), null)
})

test('attempts are counted for the event at the head, and for no other', () => {
  const blocked = nothingParked()
  assert.equal(blocked.attempts(event('t', 'a')), 0)
  blocked.refused(event('t', 'a', 0, 1n), 1)
  assert.equal(blocked.attempts(event('t', 'a', 0, 1n)), 1)
  assert.equal(blocked.attempts(event('t', 'a', 0, 2n)), 0)
  blocked.load([keyEntry('k')])
  assert.equal(blocked.attempts(event('t', 'k')), 3, 'also those of a predecessor')
})

for (const key of ['k', null]) {
  test(`the head of ${key === null ? 'no key' : 'a key'} is tried alone, then all of it drains, then it is free`, () => {
    const blocked = nothingParked()
    const head = event('t', key)
    const one = keyEntry(key)
    blocked.load([one])
    blocked.try([one])
    assert.equal(blocked.attempts(head), 3)
    assert.equal(blocked.scopeOf(head, 'heads'), null)
    assert.notEqual(blocked.scopeOf(head, 'held'), null)
    assert.notEqual(blocked.scopeOf(head, 'delivery'), null)
    assert.deepEqual(blocked.draining(), [])
    assert.deepEqual(blocked.tried([one]), [one])
    blocked.drain([one])
    assert.equal(blocked.scopeOf(head, 'held'), null)
    assert.notEqual(blocked.scopeOf(head, 'delivery'), null, 'newer events wait behind it')
    assert.deepEqual(blocked.draining(), [one])
    blocked.free(one)
    assert.equal(blocked.scopeOf(head, 'delivery'), null)
    assert.deepEqual(blocked.draining(), [])
  })

  test(`a head of ${key === null ? 'no key' : 'a key'} that is refused again waits again`, () => {
    const blocked = nothingParked()
    const one = keyEntry(key)
    blocked.try([one])
    blocked.refused(event('t', key), 4)
    assert.deepEqual(blocked.tried([one]), [])
    assert.deepEqual(blocked.draining(), [])
    if (key !== null) assert.notEqual(blocked.scopeOf(event('t', key), 'heads'), null)
  })
}

test('what drains when a lane is gained goes on to drain', () => {
  const blocked = nothingParked()
  blocked.load([keyEntry('k', { state: 'draining' }), keyEntry('w', { state: 'blocked' })])
  assert.deepEqual(
    blocked.draining().map(({ key }) => key),
    ['k'],
  )
})

test('a key drains only while its topic is there', () => {
  const blocked = nothingParked()
  blocked.drain([keyEntry('k')])
  blocked.topics.park('t', 'unknown')
  assert.deepEqual(blocked.draining(), [])
  assert.deepEqual(blocked.topics.unavailable(), ['t'])
  blocked.topics.isBack('t')
  assert.deepEqual(blocked.draining(), [], 'its entries are not read yet')
  blocked.topics.drain('t', [])
  assert.equal(blocked.draining().length, 1)
})

test('a topic waits on all lanes until it is back; then lanes that hold some of it drain first', () => {
  const probed: (readonly [string, number])[] = []
  const blocked = new BlockedKeys((topic, afterMs) => probed.push([topic, afterMs]))
  blocked.topics.park('t', 'unknown')
  blocked.topics.park('t', 'unknown', 7)
  assert.deepEqual(probed, [['t', 0]])
  assert.notEqual(blocked.scopeOf(event('t', 'a', 7), 'delivery'), null)
  blocked.topics.isBack('t')
  assert.notEqual(
    blocked.scopeOf(event('t', 'a', 7), 'delivery'),
    null,
    'its entries are not read yet',
  )
  blocked.topics.drain('t', [entry('t', 3)])
  assert.equal(blocked.scopeOf(event('t', 'a', 7), 'delivery'), null)
  assert.notEqual(blocked.scopeOf(event('t', 'a', 3), 'delivery'), null, 'newer ones wait')
  assert.equal(blocked.scopeOf(event('t', 'a', 3), 'held'), null, 'held ones go')
  blocked.free(entry('t', 3))
  assert.equal(blocked.scopeOf(event('t', 'a', 3), 'delivery'), null)
})

test('a lane gained while the entries of a topic are read keeps the topic waiting', () => {
  const blocked = nothingParked()
  blocked.topics.park('t', 'unknown')
  blocked.topics.isBack('t')
  blocked.load([entry('t', 7)])
  blocked.topics.drain('t', [])
  assert.notEqual(blocked.scopeOf(event('t', 'a', 7), 'delivery'), null)
})

test('an entry that is not the one that drains frees nothing', () => {
  const blocked = nothingParked()
  blocked.topics.park('t', 'unknown')
  blocked.topics.isBack('t')
  blocked.topics.drain('t', [entry('t', 3, 20n)])
  blocked.free(entry('t', 3, 10n))
  assert.notEqual(blocked.scopeOf(event('t', 'a', 3), 'delivery'), null)
  blocked.drain([keyEntry('k')])
  blocked.free(keyEntry('k', { id: 8n }))
  assert.notEqual(blocked.scopeOf(event('t', 'k'), 'delivery'), null)
})

test('lanes that are given away take their blocks along', () => {
  const blocked = nothingParked()
  blocked.refused(event('t', 'a', 1), 1)
  blocked.refused(event('t', 'b', 2), 1)
  blocked.drain([keyEntry(null, { lane: 1 })])
  blocked.dropLanes(new Set([1]))
  assert.equal(blocked.scopeOf(event('t', 'a', 1), 'delivery'), null)
  assert.notEqual(blocked.scopeOf(event('t', 'b', 2), 'delivery'), null)
  assert.deepEqual(blocked.draining(), [])
})

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
  return { id, topic, key: null, eventId: null, lane, error: 'gone' }
}

test('a refused event blocks its key and no other; without a key only itself', () => {
  const blocked = new BlockedKeys(() => {})
  blocked.block(event('t', 'a'))
  assert.equal(blocked.scopeOf(event('t', 'a'), 'delivery')?.key, 'a')
  assert.equal(blocked.scopeOf(event('t', 'b'), 'delivery'), null)
  assert.equal(blocked.scopeOf(event('u', 'a'), 'delivery'), null)
  blocked.block(event('t', null))
  assert.equal(blocked.scopeOf(event('t', null), 'delivery'), null)
})

test('a topic waits on all lanes until it is back; then lanes that hold some of it drain first', () => {
  const probed: string[] = []
  const blocked = new BlockedKeys((topic) => probed.push(topic))
  blocked.parkTopic('t', 'unknown')
  blocked.parkTopic('t', 'unknown')
  assert.deepEqual(probed, ['t'])
  assert.notEqual(blocked.scopeOf(event('t', 'a', 7), 'delivery'), null)
  blocked.topicIsBack('t')
  assert.notEqual(
    blocked.scopeOf(event('t', 'a', 7), 'delivery'),
    null,
    'its entries are not read yet',
  )
  blocked.drainTopic('t', [entry('t', 3)])
  assert.equal(blocked.scopeOf(event('t', 'a', 7), 'delivery'), null)
  assert.notEqual(blocked.scopeOf(event('t', 'a', 3), 'delivery'), null, 'newer ones wait')
  assert.equal(blocked.scopeOf(event('t', 'a', 3), 'held'), null, 'held ones go')
  blocked.free(entry('t', 3))
  assert.equal(blocked.scopeOf(event('t', 'a', 3), 'delivery'), null)
})

test('a lane gained while the entries of a topic are read keeps the topic waiting', () => {
  const blocked = new BlockedKeys(() => {})
  blocked.parkTopic('t', 'unknown')
  blocked.topicIsBack('t')
  blocked.load([entry('t', 7)])
  blocked.drainTopic('t', [])
  assert.notEqual(blocked.scopeOf(event('t', 'a', 7), 'delivery'), null)
})

test('an entry that is not the one that drains frees nothing', () => {
  const blocked = new BlockedKeys(() => {})
  blocked.parkTopic('t', 'unknown')
  blocked.topicIsBack('t')
  blocked.drainTopic('t', [entry('t', 3, 20n)])
  blocked.free(entry('t', 3, 10n))
  assert.notEqual(blocked.scopeOf(event('t', 'a', 3), 'delivery'), null)
})

test('lanes that are given away take their blocks along', () => {
  const blocked = new BlockedKeys(() => {})
  blocked.block(event('t', 'a', 1))
  blocked.block(event('t', 'b', 2))
  blocked.dropLanes(new Set([1]))
  assert.equal(blocked.scopeOf(event('t', 'a', 1), 'delivery'), null)
  assert.notEqual(blocked.scopeOf(event('t', 'b', 2), 'delivery'), null)
})

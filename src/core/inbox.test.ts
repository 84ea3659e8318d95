import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { freshUuids, type InboxOrigin, inboxUuid, notedUuids } from './inbox.ts'
import { isUuid } from './uuid.ts'

const OURS = '01890A5D-ac96-774b-bcce-b302099a8057'
const PLACE: InboxOrigin = {
  uuid: undefined,
  topic: 'orders',
  partition: 1,
  offset: 7n,
  publishedAt: new Date(1_700_000_000_000),
}

function distinct(events: readonly InboxOrigin[]): number {
  const uuids = events.map((event) => inboxUuid(event))
  for (const uuid of uuids) {
    assert.ok(isUuid(uuid), uuid)
    assert.match(uuid, /^.{14}8.{4}[89ab]/)
  }
  return new Set(uuids).size
}

describe('the uuid under which an inbox notes an event', () => {
  it('is our uuid as it is, whatever else is there', () => {
    assert.equal(inboxUuid({ ...PLACE, uuid: OURS }), OURS)
    assert.equal(inboxUuid({ ...PLACE, uuid: OURS, source: '/a', id: '1' }), OURS)
  })

  it('is made of source and id for a foreign event, wherever it lies', () => {
    const one = { ...PLACE, source: '/a', id: '1' }
    const again = { ...one, offset: 8n, publishedAt: new Date(1_700_000_000_001) }
    assert.equal(distinct([one, again]), 1)
    const named = { ...PLACE, uuid: '1', source: '/a' }
    assert.equal(distinct([one, named]), 1)
    const others = [
      { ...one, id: '2' },
      { ...one, source: '/b' },
      { ...one, source: '/a1', id: '' },
      { ...one, source: '', id: '/a1' },
    ]
    assert.equal(distinct([one, ...others]), 5)
    // Kept for as long as there are inboxes.
    assert.equal(inboxUuid(one), '68828c43-eb0f-82f6-9140-032bbcd6ee9a')
  })

  it('is made of the place in the log where there is neither', () => {
    const others = [
      { ...PLACE, topic: 'others' },
      { ...PLACE, partition: 2 },
      { ...PLACE, offset: 8n },
      { ...PLACE, publishedAt: new Date(1_700_000_000_001) },
    ]
    assert.equal(distinct([PLACE, ...others]), 5)
    assert.equal(distinct([PLACE, { ...PLACE, id: 'without a source' }]), 1)
    assert.equal(inboxUuid(PLACE), '66680cad-5044-87ae-9ff6-867bf09557bb')
  })
})

describe('the uuids of a call', () => {
  it('are noted once each, in small letters, in one order', () => {
    const other = '00000000-0000-4000-8000-000000000000'
    assert.deepEqual(notedUuids('g', [OURS, other, OURS.toLowerCase()]), [
      other,
      OURS.toLowerCase(),
    ])
  })

  it('are given back as they were given', () => {
    const noted = new Set([OURS.toLowerCase()])
    assert.deepEqual([...freshUuids([OURS, PLACE.topic], noted)], [OURS])
  })

  it('are refused where they are none, and so is a group that is no text', () => {
    const refused = { code: 'ONCOMMIT_OPTION' }
    assert.throws(() => notedUuids('g', ['1']), refused)
    for (const group of ['', 'a\0', '\ud800']) assert.throws(() => notedUuids(group, []), refused)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { decodeHeaders, encodeHeaders } from './stored-headers.ts'

describe('headers as JSON', () => {
  it('keep order, duplicates, text and bytes', () => {
    const headers = [
      ['b', '1'],
      ['a', 'ü'],
      ['b', Buffer.from([0, 255])],
      ['', ''],
    ] as const
    assert.deepEqual(decodeHeaders(encodeHeaders(headers)), headers)
    assert.deepEqual(decodeHeaders(encodeHeaders([])), [])
  })

  it('may be an object that others wrote', () => {
    assert.deepEqual(decodeHeaders('{"a": "x", "n": 1, "o": {"p": null}}'), [
      ['a', 'x'],
      ['n', '1'],
      ['o', '{"p":null}'],
    ])
  })

  it('never stop an event, whatever others wrote', () => {
    assert.deepEqual(decodeHeaders('[["a"], 5, ["b", 1], [2, "x"]]'), [
      ['a', 'null'],
      ['', '5'],
      ['b', '1'],
      ['', '[2,"x"]'],
    ])
    for (const json of ['null', '"x"', '5']) assert.deepEqual(decodeHeaders(json), [])
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { multirange, quoteIdent, quoteLiteral, textArray } from './sql-text.ts'

describe('SQL text', () => {
  it('quotes names, and refuses those that PostgreSQL would cut', () => {
    assert.equal(quoteIdent('schema', 'a"b'), '"a""b"')
    assert.equal(quoteIdent('schema', 'x'.repeat(63)), `"${'x'.repeat(63)}"`)
    for (const name of ['', 'a\0', 'x'.repeat(64), 'ü'.repeat(32)])
      assert.throws(() => quoteIdent('schema', name), { code: 'ONCOMMIT_OPTION' })
  })

  it('quotes texts', () => {
    assert.equal(quoteLiteral("it's"), "'it''s'")
    assert.equal(quoteLiteral(String.raw`a\'`), String.raw`E'a\\'''`)
  })

  it('writes ranges and arrays', () => {
    const ranges = [
      [1n, 3n],
      [7n, 7n],
    ] as const
    assert.equal(multirange(ranges), '{[1,3],[7,7]}')
    assert.equal(textArray(['a"b\\', null, 'NULL', '']), String.raw`{"a\"b\\",NULL,"NULL",""}`)
  })
})

import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'

import { migrationSql } from './migrations/index.ts'
import { resolveOptions, type SqliteOptions } from './options.ts'

describe('options of sqlite', () => {
  it('have the defaults that their types document', () => {
    assert.deepEqual(resolveOptions({ file: 'shop.db' }), {
      file: resolve('shop.db'),
      name: 'oncommit',
      synchronous: 'full',
      busyTimeoutMs: 5_000,
      inboxRetentionMs: 7 * 24 * 3_600_000,
    })
  })

  const refused: Record<string, { options: unknown; says: RegExp }> = {
    'a missing file': { options: {}, says: /sqlite\.file: got undefined/ },
    'a database in memory': {
      options: { file: ':memory:' },
      says: /sqlite\.file: got ":memory:", takes the path of a file/,
    },
    'a URI': {
      options: { file: 'file:shop.db?mode=ro' },
      says: /sqlite\.file: .*the path of a file/,
    },
    'a name that needs quotes': {
      options: { file: 'a', name: 'my-outbox' },
      says: /sqlite\.name: got "my-outbox", takes up to 63 letters/,
    },
    'a name that SQLite keeps for itself': {
      options: { file: 'a', name: 'SQLite_mine' },
      says: /sqlite\.name/,
    },
    'a durability that is none': {
      options: { file: 'a', synchronous: 'off' },
      says: /sqlite\.synchronous: got "off", takes 'full' or 'normal'/,
    },
    'a wait that is no number': {
      options: { file: 'a', busyTimeoutMs: '5s' },
      says: /sqlite\.busyTimeoutMs: got "5s", takes a whole number/,
    },
    'a misspelt option': { options: { file: 'a', path: 'b' }, says: /sqlite\.path/ },
  }
  for (const [what, { options, says }] of Object.entries(refused)) {
    it(`refuse ${what}`, () => {
      assert.throws(() => resolveOptions(options as SqliteOptions), {
        code: 'ONCOMMIT_OPTION',
        message: says,
      })
    })
  }

  it('refuse a name in the SQL that is printed, too', () => {
    assert.throws(() => migrationSql(`x'; drop table y; --`), { code: 'ONCOMMIT_OPTION' })
  })
})

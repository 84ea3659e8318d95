import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { Pool } from 'pg'
import connectPostgresJs from 'postgres'

import { postgres } from './index.ts'
import type { PostgresOptions } from './options.ts'

describe('options of the PostgreSQL store', () => {
  const url = 'postgres://localhost/db'
  const wrong: Record<string, { options: unknown; says: RegExp }> = {
    'neither pool nor url': { options: {}, says: /one of pool and url/ },
    'both pool and url': {
      options: { url, pool: { connect() {}, totalCount: 0 } },
      says: /one of pool and url/,
    },
    'a pool that is none': {
      options: { pool: { query() {} } },
      says: /postgres\.pool.*Pool of pg/,
    },
    'a client in place of a pool': {
      options: { pool: { connect() {}, query() {} } },
      says: /postgres\.pool.*Pool of pg/,
    },
    'a misspelt option': { options: { url, shema: 'x' }, says: /postgres\.shema.*schema/ },
    'a schema that is too long': {
      options: { url, schema: 'x'.repeat(64) },
      says: /postgres\.schema/,
    },
    'a schema that would end a function body': {
      options: { url, schema: 'a$$b' },
      says: /postgres\.schema.*without \$/,
    },
    'a timeout of no time': {
      options: { url, statementTimeoutMs: 0 },
      says: /postgres\.statementTimeoutMs/,
    },
    'a flag that is none': { options: { url, pooler: 'yes' }, says: /postgres\.pooler/ },
    'a pool in place of the options': {
      options: new Pool(),
      says: /got an instance of BoundPool, takes an object of options: postgres\(\{ pool \}\)/,
    },
    'the sql of Postgres.js in place of the options': {
      options: connectPostgresJs(),
      says: /got a function, takes an object of options: postgres\(\{ pool \}\)/,
    },
    'a url in place of the options, without showing it': {
      options: 'postgres://u:secret@localhost/db',
      says: /^option postgres: got "…", takes an object of options: postgres\(\{ url \}\)$/,
    },
    'no options': { options: undefined, says: /an object of options/ },
  }
  for (const [what, { options, says }] of Object.entries(wrong)) {
    it(`refuse ${what}`, () => {
      assert.throws(() => postgres(options as PostgresOptions), {
        code: 'ONCOMMIT_OPTION',
        message: says,
      })
    })
  }

  it('open nothing by themselves', async () => {
    const store = postgres({ url: 'postgres://nobody@127.0.0.1:1/none', schema: 'shop' })
    assert.equal(store.outbox, 'shop')
    await store.close()
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { transactionControl } from './transaction-control.ts'

describe('a statement that begins or ends a transaction', () => {
  it('is known by its first words, whatever stands before them', () => {
    const known = {
      COMMIT: 'COMMIT',
      ' \n;-- end it\n/* now */ commit and chain': 'COMMIT',
      'rollback;': 'ROLLBACK',
      'ROLLBACK WORK': 'ROLLBACK',
      'begin immediate': 'BEGIN',
      'start  transaction': 'START TRANSACTION',
      'end transaction': 'END',
      abort: 'ABORT',
      "prepare transaction 'x'": 'PREPARE TRANSACTION',
    }
    for (const [statement, words] of Object.entries(known))
      assert.equal(transactionControl(statement), words, statement)
  })

  it('is neither a savepoint nor anything else', () => {
    const others = [
      'savepoint a',
      'ROLLBACK TO a',
      'rollback transaction to savepoint a',
      'ROLLBACK WORK TO a',
      'release a',
      'insert into commits values (1)',
      'commits',
      'PREPARE transactions AS SELECT 1',
      '',
      "select 'commit'",
      undefined,
      { text: 'COMMIT' },
    ]
    for (const statement of others) assert.equal(transactionControl(statement), null)
  })
})

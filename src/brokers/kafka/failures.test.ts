import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  MultipleErrors,
  NetworkError,
  ResponseError,
  TimeoutError,
  UserError,
} from '@platformatic/kafka'
import { BrokerError } from '../../core/errors.ts'
import { answeredCodes, isAnswer, toBrokerError } from './failures.ts'

const PRODUCE = 0

/** A response of Produce with these error codes. */
function response(...codes: number[]): ResponseError {
  const errors = Object.fromEntries(codes.map((code, at) => [`/${at}`, [code, null]]))
  return new ResponseError(PRODUCE, 9, errors as never, {})
}

const refused = new NetworkError('Connection to 127.0.0.1:1 failed.', {
  cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
})

for (const [what, error, kind] of [
  ['a refused connection', new MultipleErrors('Cannot connect.', [refused]), 'away'],
  ['a request that timed out', new TimeoutError('Request timed out'), 'away'],
  ['a leader that moved', response(6), 'away'],
  ['an unknown topic', new UserError('Unknown topic t.'), 'topic-unavailable'],
  ['a forbidden topic', response(29), 'topic-unavailable'],
  ['a record that is too large', new MultipleErrors('Failed.', [response(10)]), 'event-refused'],
  ['a fenced producer', response(90), 'fenced'],
  [
    'an old epoch, after an outage',
    new MultipleErrors('Failed.', [refused, response(47)]),
    'fenced',
  ],
  ['a forbidden transactional id', response(53), 'misconfigured'],
  ['a failure of the broker itself', response(-1), 'unknown'],
  [
    'something unknown during an outage',
    new MultipleErrors('F', [refused, response(45)]),
    'unknown',
  ],
  ['a bug', new TypeError('x is not a function'), 'unknown'],
] as const)
  it(`takes ${what} for ${kind}`, () => {
    const failure = toBrokerError(error)
    assert.equal(failure.kind, kind)
    assert.equal(failure.cause, error)
    assert.equal(toBrokerError(failure), failure)
  })

it('tells answers from silence', () => {
  assert.deepEqual(answeredCodes(new MultipleErrors('F', [refused, response(51)])), [51])
  assert.equal(isAnswer(response(51)), true)
  assert.equal(isAnswer(refused), false)
  assert.equal(isAnswer(new MultipleErrors('F', [refused, response(51)])), false)
  // They say that it may have been written.
  assert.equal(isAnswer(response(7)), false)
  assert.equal(isAnswer(response(20)), false)
  assert.equal(isAnswer(new BrokerError('away', 'closed')), false)
})

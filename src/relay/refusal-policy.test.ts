import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OptionError } from '../core/errors.ts'
import { RefusalPolicies } from './refusal-policy.ts'
import type { RefusalOptions } from './refusal-policy.ts'

const middle = (): number => 0.5
const refused = { topic: 't', key: 'k', attempts: 1, permanent: false }

test('an event is tried ten times, one second apart and then twice as long each time, to five minutes', () => {
  const policies = new RefusalPolicies()
  const waits = Array.from({ length: 12 }, (_, at) =>
    policies.outcome({ ...refused, attempts: at + 1 }, middle),
  )
  const seconds = waits.map((next) =>
    next.state === 'retrying' ? next.afterMs / 1000 : next.state,
  )
  const kept = ['blocked', 'blocked', 'blocked']
  assert.deepEqual(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, ...kept])
})

test('waits differ by up to a fifth, so that keys refused together are not tried together', () => {
  const policies = new RefusalPolicies()
  const at = (random: number): unknown => policies.outcome(refused, () => random)
  assert.deepEqual(at(0), { state: 'retrying', afterMs: 800 })
  assert.deepEqual(at(1), { state: 'retrying', afterMs: 1200 })
})

test('what can hardly succeed is tried once more only', () => {
  const policies = new RefusalPolicies()
  const permanent = { ...refused, permanent: true }
  assert.equal(policies.outcome(permanent).state, 'retrying')
  assert.equal(policies.outcome({ ...permanent, attempts: 2 }).state, 'blocked')
  assert.equal(new RefusalPolicies({ maxAttempts: 1 }).most(permanent), 1)
})

test('given up, an event with a key blocks it and one without is dead, unless it was chosen', () => {
  const last = { ...refused, attempts: 10 }
  const outcome = (options: RefusalOptions, key: string | null): string =>
    new RefusalPolicies(options).outcome({ ...last, key }).state
  assert.deepEqual([outcome({}, 'k'), outcome({}, null)], ['blocked', 'dead'])
  assert.deepEqual(
    ['k', null].map((key) => outcome({ onExhausted: 'dead' }, key)),
    ['dead', 'dead'],
  )
  assert.deepEqual(
    ['k', null].map((key) => outcome({ onExhausted: 'block' }, key)),
    ['blocked', 'blocked'],
  )
})

test('a topic has a policy of its own in what is given for it', () => {
  const policies = new RefusalPolicies({
    maxAttempts: 3,
    topics: { t: { onExhausted: 'dead' }, u: { maxAttempts: 1 } },
  })
  assert.equal(policies.most({ topic: 't', permanent: false }), 3)
  assert.equal(policies.most({ topic: 'u', permanent: false }), 1)
  assert.equal(policies.outcome({ ...refused, attempts: 3 }).state, 'dead')
  assert.equal(policies.outcome({ ...refused, topic: 'u' }).state, 'blocked')
  assert.equal(policies.most({ topic: 'toString', permanent: false }), 3)
})

const wrong: readonly (readonly [string, unknown])[] = [
  ['relay.refusals.maxAttempts', { maxAttempts: 0 }],
  ['relay.refusals.retryMs', { retryMs: 1.5 }],
  ['relay.refusals.onExhausted', { onExhausted: 'drop' }],
  ['relay.refusals.maxAttempt', { maxAttempt: 3 }],
  ['relay.refusals.topics', { topics: [] }],
  ['relay.refusals.topics.t.onExhausted', { topics: { t: { onExhausted: 'drop' } } }],
  ['relay.refusals.topics.t.topics', { topics: { t: { topics: {} } } }],
]
for (const [option, options] of wrong) {
  test(`a wrong ${option} is refused by name`, () => {
    assert.throws(
      () => new RefusalPolicies(options as RefusalOptions),
      (error: unknown) => error instanceof OptionError && error.message.includes(option),
    )
  })
}

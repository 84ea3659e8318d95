import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { after, describe, test } from 'node:test'
import { local } from '../src/brokers/local/index.ts'
import { EventBus, OptionError } from '../src/index.ts'
import { MemoryLogger } from './integration/stream/reading.ts'

const bus = new EventBus({ broker: local(), logger: new MemoryLogger() })
after(() => bus.close())

const inbox = { clean: async () => Promise.resolve(0), once: async () => Promise.resolve() }
const group = 'g'

const calls = {
  stream: async (options: object) => bus.stream('t', options).close(),
  consume: async (options: object) => bus.consume('t', options as never, () => {}).close(),
  consumeBatches: async (options: object) =>
    bus.consumeBatches('t', options as never, () => {}).close(),
}

/** Each part is right by itself, and the two are not together: nothing is ignored in silence. */
const contradictions: readonly (readonly [keyof typeof calls, object, string])[] = [
  // The original took an interval with every mode, and used it in one.
  [
    'stream',
    { group, commit: 'batch', commitInterval: 500 },
    "option stream.commitInterval: got 500, takes nothing with commit: 'batch'",
  ],
  [
    'stream',
    { group, commit: 'message', commitInterval: 500 },
    "option stream.commitInterval: got 500, takes nothing with commit: 'message'",
  ],
  // The original made up a group that nobody could name again, and committed for it.
  [
    'stream',
    { commit: 'message' },
    'option stream.commit: got "message", takes nothing without a group: there is nothing to commit',
  ],
  [
    'stream',
    { commitInterval: 500 },
    'option stream.commitInterval: got 500, takes nothing without a group: there is nothing to commit',
  ],
  [
    'stream',
    { ack: 'manual' },
    'option stream.ack: got "manual", takes nothing without a group: there is nothing to commit',
  ],
  [
    'stream',
    { seek: true },
    'option stream.seek: got true, takes nothing without a group: there is nothing to commit',
  ],
  [
    'stream',
    { group, sessionTimeout: 6_000, drainTimeout: 6_000 },
    'option stream.drainTimeout: got 6000, takes a whole number from 0 to 5999',
  ],
  [
    'stream',
    { group, backpressure: { strategy: 'pause', maxEvents: 128 } },
    "option stream.backpressure.maxEvents: got 128, takes nothing with strategy: 'pause'",
  ],
  [
    'stream',
    { group, backpressure: { strategy: 'DROP', maxBytes: 128 } },
    "option stream.backpressure.maxBytes: got 128, takes nothing with strategy: 'drop'",
  ],
  ['consume', {}, 'option consume.group: got undefined, takes the name of the consumer group'],
  [
    'consume',
    { group, sessionTimeout: 6_000, drainTimeout: 10_000 },
    'option consume.drainTimeout: got 10000, takes a whole number from 0 to 5999',
  ],
  [
    'consume',
    { group, onBroken: 'deadLetter' },
    'option consume.onBroken: got "deadLetter", takes that only with the option deadLetter',
  ],
  [
    'consume',
    { group, afterDead: 'follow' },
    'option consume.afterDead: got "follow", takes that only with the option deadLetter',
  ],
  // Each dead letter would be read, fail and be a dead letter again.
  [
    'consume',
    { group, deadLetter: { topic: 't' } },
    'option consume.deadLetter.topic: got "t", takes another topic than it reads',
  ],
  [
    'consume',
    { group, inboxKey: () => '' },
    'option consume.inboxKey: got a function, takes that only with the option inbox',
  ],
  // A pool of pg has a `once`, as an inbox has.
  [
    'consume',
    { group, inbox: new EventEmitter() },
    'option consume.inbox: got an instance of EventEmitter, takes true, or a store with an inbox',
  ],
  [
    'consume',
    { group, replay: 'again', seek: true },
    'option consume.replay: got "again", takes nothing without seek and an inbox',
  ],
  [
    'consume',
    { group, replay: 'again', inbox },
    'option consume.replay: got "again", takes nothing without seek and an inbox',
  ],
  [
    'consume',
    { group, seek: true, inbox },
    "option consume.replay: got undefined, takes 'again' or 'missing', where seek meets an inbox: is it to swallow what was handled before?",
  ],
  [
    'consumeBatches',
    { group, window: 10, maxEvents: 11 },
    'option consumeBatches.maxEvents: got 11, takes a whole number from 1 to 10',
  ],
]

describe('options that contradict each other', () => {
  for (const [call, options, message] of contradictions)
    test(message, async () => {
      await assert.rejects(calls[call](options), (error) => {
        assert.ok(error instanceof OptionError)
        assert.equal(error.message, message)
        return true
      })
    })

  test('take each part alone', async () => {
    const right = [
      { group, commit: 'batch' },
      { group, commitInterval: 500 },
      { group, commitInterval: 0 },
      { group, ack: 'manual' },
      { group, seek: true },
      { group, drainTimeout: 29_999 },
      { group, sessionTimeout: 1_000 },
      { backpressure: { strategy: 'drop', maxEvents: 1 } },
    ]
    for (const options of right) await calls.stream(options)
    for (const options of [{ seek: true }, { inbox }, { deadLetter: {}, onBroken: 'deadLetter' }])
      await calls.consume({ group, ...options })
    await calls.consumeBatches({ group, window: 10 })
  })
})

/** `true`: as high or low as it goes. */
const retries: readonly (readonly [object, string | true])[] = [
  [{ attempts: 1 }, true],
  [{ attempts: 0 }, 'attempts: got 0, takes a whole number of at least 1'],
  [{ attempts: 1.5 }, 'attempts: got 1.5, takes a whole number of at least 1'],
  [{ backoff: { first: 0, max: 0, factor: 1, jitter: 0 } }, true],
  [{ backoff: { max: 86_400_000, factor: 100, jitter: 1 } }, true],
  [{ backoff: { first: -1 } }, 'backoff.first: got -1, takes a whole number from 0 to 86400000'],
  [
    { backoff: { max: 86_400_001 } },
    'backoff.max: got 86400001, takes a whole number from 0 to 86400000',
  ],
  [{ backoff: { factor: 0.9 } }, 'backoff.factor: got 0.9, takes a number from 1 to 100'],
  [{ backoff: { factor: 101 } }, 'backoff.factor: got 101, takes a number from 1 to 100'],
  [{ backoff: { jitter: 1.1 } }, 'backoff.jitter: got 1.1, takes a number from 0 to 1'],
  [{ backoff: { jitter: -0.1 } }, 'backoff.jitter: got -0.1, takes a number from 0 to 1'],
  [{ backoff: { jitter: Number.NaN } }, 'backoff.jitter: got NaN, takes a number from 0 to 1'],
  [{ backoff: 5 }, 'backoff: got 5, takes an object of options'],
  [
    { backoff: { delay: 5 } },
    'backoff.delay: got 5, takes nothing: there is no such option, only first, factor, max, jitter',
  ],
  [{ times: 5 }, 'times: got 5, takes nothing: there is no such option, only attempts, backoff'],
]

describe('the bounds of retry', () => {
  for (const [retry, outcome] of retries)
    test(outcome === true ? `takes ${JSON.stringify(retry)}` : outcome, async () => {
      const given = calls.consume({ group, retry })
      if (outcome === true) await given
      else
        await assert.rejects(given, (error) => {
          assert.ok(error instanceof OptionError)
          assert.equal(error.message, `option consume.retry.${outcome}`)
          return true
        })
    })
})

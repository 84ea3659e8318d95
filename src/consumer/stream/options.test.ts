import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OptionError } from '../../core/errors.ts'
import { streamSettings } from './options.ts'

describe('the options of a stream', () => {
  it('have these defaults in a group', () => {
    assert.deepEqual(streamSettings('t', { group: 'g' }), {
      topics: ['t'],
      group: 'g',
      from: 'earliest',
      seek: false,
      commit: 'auto',
      commitInterval: 1_000,
      ack: 'loop',
      backpressure: { strategy: 'pause' },
      onBroken: 'stop',
      drainTimeout: 20_000,
      sessionTimeout: 30_000,
      signal: null,
    })
  })

  it('without a group begin with what comes from now on', () => {
    assert.equal(streamSettings('t').from, 'latest')
  })

  it('keep the drain below a shorter session', () => {
    const { drainTimeout } = streamSettings('t', { group: 'g', sessionTimeout: 6_000 })
    assert.equal(drainTimeout, 4_000)
  })

  it('take offsets as a list and by topic and partition', () => {
    const list = [{ topic: 't', partition: 3, offset: 7n }]
    for (const from of [list, { t: { 3: 7n } }])
      assert.deepEqual(streamSettings('t', { from }).from, list)
  })

  it('read each topic once', () => {
    assert.deepEqual(streamSettings(['a', 'b', 'a']).topics, ['a', 'b'])
  })

  const wrong: readonly (readonly [options: object, message: RegExp])[] = [
    [{ group: '' }, /stream\.group: got "", takes a text/],
    [{ group: 'g', from: 'start' }, /stream\.from: got "start"/],
    [{ from: new Date(Number.NaN) }, /stream\.from/],
    [{ from: { t: { 0: 1 } } }, /stream\.from/],
    [{ from: { t: { x: 1n } } }, /stream\.from/],
    [{ from: { t: 5n } }, /stream\.from/],
    [{ from: { other: { 0: 1n } } }, /stream\.from: got "other", takes offsets of t alone/],
    [{ from: [{ topic: 't', partition: 0, offset: -1n }] }, /stream\.from/],
    [{ group: 'g', commit: 'never' }, /stream\.commit: got "never", takes 'auto' or 'batch' or/],
    [{ group: 'g', commit: 'message', commitInterval: 5 }, /stream\.commitInterval: got 5, takes/],
    [{ group: 'g', commitInterval: -1 }, /stream\.commitInterval: got -1/],
    [{ commit: 'auto' }, /stream\.commit: .* without a group/],
    [{ seek: true }, /stream\.seek: .* without a group/],
    [{ group: 'g', ack: 'none' }, /stream\.ack/],
    [{ group: 'g', drainTimeout: 30_000 }, /drainTimeout: got 30000, takes .* from 0 to 29999/],
    [{ group: 'g', sessionTimeout: 10 }, /stream\.sessionTimeout/],
    [{ group: 'g', seek: 'yes' }, /stream\.seek/],
    [{ group: 'g', signal: 5 }, /stream\.signal: got 5, takes an AbortSignal/],
    [{ group: 'g', prefetch: 5 }, /stream\.prefetch: .* no such option/],
    [{ group: 'g', backpressure: 'block' }, /stream\.backpressure: got "block", takes 'pause' or/],
    [{ group: 'g', onBroken: 'skip' }, /stream\.onBroken: got "skip", takes 'stop' or/],
  ]
  for (const [options, message] of wrong) {
    it(`are refused by name: ${String(message)}`, () => {
      assert.throws(
        () => streamSettings('t', options),
        (error) => error instanceof OptionError && message.test(error.message),
      )
    })
  }

  it('refuse no topic', () => {
    for (const topics of [[], '', [''], 5])
      assert.throws(() => streamSettings(topics as string[]), OptionError)
  })
})

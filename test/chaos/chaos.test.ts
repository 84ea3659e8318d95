import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Ground, ownGround } from './run/ground.ts'
import { type RunOptions, runChaos } from './run/run.ts'

/** Longer than a relay's lease: it is taken over, and wakes up as nobody. */
const TAKEN_OVER_S = 3

interface Case {
  readonly harms: 'clients' | 'all'
  readonly guarantee: RunOptions['guarantee']
  readonly seed: number
}

const cases: readonly Case[] = [
  { harms: 'clients', guarantee: 'exactly-once', seed: 18 },
  { harms: 'clients', guarantee: 'at-least-once', seed: 42 },
  { harms: 'all', guarantee: 'exactly-once', seed: 13 },
]

describe('a minute of chaos breaks no promise', () => {
  let ground: Ground
  before(async () => {
    ground = await ownGround()
  })
  after(async () => ground[Symbol.asyncDispose]())

  for (const { harms, guarantee, seed } of cases) {
    test(`where ${harms === 'all' ? 'everything is' : 'producers, relays and consumers are'} harmed, ${guarantee}`, async (context) => {
      const { findings, faults, counts, events } = await runChaos({
        ground: harms === 'all' ? ground : { ...ground, faults: [] },
        seed,
        minutes: 1,
        guarantee,
        command: 'npm test',
        log: (line) => {
          context.diagnostic(line)
        },
      })
      context.diagnostic(JSON.stringify(counts))
      const found = findings.map(({ promise, text }) => `${promise}: ${text}`)
      assert.deepEqual(found, [], `seed ${seed}`)
      assert.ok(events > 1_000, 'the load was real')
      const names = new Set(faults.map(({ name }) => name))
      assert.ok(names.size >= (harms === 'all' ? 10 : 6), [...names].join())
      if (harms === 'clients') {
        const frozen = faults.filter(({ name }) => name === 'relay SIGSTOP')
        assert.ok(frozen.some(({ from, to }) => to - from > TAKEN_OVER_S))
      }
    })
  }
})

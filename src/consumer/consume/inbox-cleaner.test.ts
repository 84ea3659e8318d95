import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { type Clock, systemClock } from '../../core/clock.ts'
import { StoreError } from '../../core/errors.ts'
import { InboxCleaner } from './inbox-cleaner.ts'

/** Runs a cleaner through so many cleanings. */
async function run(
  cleanings: number,
  clean: (n: number) => Promise<number>,
  random?: () => number,
): Promise<{ sleeps: number[]; lines: string[] }> {
  const [sleeps, lines]: [number[], string[]] = [[], []]
  const stopping = new AbortController()
  const clock: Clock = {
    ...systemClock,
    sleep: async (ms) => {
      if (sleeps.push(ms) > cleanings) stopping.abort()
      return Promise.resolve()
    },
  }
  const log = (message: string): void => void lines.push(message)
  const logger = { debug: log, info: log, warn: log, error: log }
  let n = 0
  const inbox = { clean: async () => clean(++n) }
  const parts = { inbox, clock, logger, name: 'c', ...(random === undefined ? {} : { random }) }
  await new InboxCleaner(parts).run(stopping.signal)
  assert.equal(n, cleanings)
  return { sleeps, lines }
}

const nothing = async (): Promise<number> => Promise.resolve(0)

describe('the cleaner of an inbox', () => {
  it('works about once a minute, from the first time on apart from others', async () => {
    assert.deepEqual((await run(2, nothing, () => 0)).sleeps, [30_000, 30_000, 30_000])
    assert.deepEqual((await run(1, nothing, () => 0.5)).sleeps, [60_000, 60_000])
    const [first, second] = await Promise.all([run(1, nothing), run(1, nothing)])
    assert.notDeepEqual(first.sleeps, second.sleeps)
  })

  it('reports once what fails, and once that it is over, and goes on', async () => {
    const { lines } = await run(6, async (n) => {
      if (n === 1 || n === 6) return Promise.resolve(0)
      throw new StoreError(`gone ${n}`)
    })
    assert.deepEqual(lines, [
      'oncommit: c can not clean its inbox: gone 2',
      'oncommit: c cleans its inbox again',
    ])
  })
})

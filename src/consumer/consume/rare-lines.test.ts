import assert from 'node:assert/strict'
import { it } from 'node:test'
import { RareLines } from './rare-lines.ts'

it('ten lines of a sort are written in a minute, and the next says how many were left out', () => {
  let now = 0
  const lines: string[] = []
  const rare = new RareLines({ monotonic: () => now })
  const say = (): void => rare.say((rest) => lines.push(`failed${rest}`))
  for (let n = 0; n < 15; n++) say()
  assert.deepEqual(
    lines,
    Array.from({ length: 10 }, () => 'failed'),
  )
  now = 60_000
  say()
  say()
  assert.deepEqual(lines.slice(10), ['failed (and 5 more before)', 'failed'])
})

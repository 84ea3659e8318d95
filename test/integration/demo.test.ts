import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const demo = join(import.meta.dirname, '../../examples/shop/demo.ts')
const LAST_LINE =
  'sent 1000 · rolled back 500 · published 1000 · handled 1000 · lost 0 · duplicated 0 · out of order 0'

for (const flags of [[], ['--kafka']]) {
  test(`the demo ${flags.join(' ')} ends with true numbers, and exits with 0 because they hold`, () => {
    const ran = spawnSync(process.execPath, [demo, ...flags], {
      encoding: 'utf8',
      timeout: 100_000,
    })
    assert.equal(ran.stdout.trimEnd().split('\n').at(-1), LAST_LINE, ran.stdout + ran.stderr)
    assert.match(ran.stdout, /SIGKILL to the working relay/)
    assert.equal(ran.stderr, '')
    assert.equal(ran.status, 0)
  })
}

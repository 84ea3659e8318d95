import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'

import { findFaketime, steppableClock } from '../../servers/index.ts'
import { stepClock } from './clocks.ts'

const program = `process.on('message', () => process.send([Date.now(), performance.now()]))`

it('steps the clock of a running process, and leaves its timers alone', async (t) => {
  const faketime = await findFaketime()
  if (typeof faketime !== 'string') {
    t.skip(faketime.missing)
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'oncommit-clock-'))
  const clock = steppableClock(faketime, join(folder, 'clock'))
  const child = spawn(process.execPath, ['--eval', program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ...clock.env },
  })
  t.after(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  })
  /** Minutes that its wall clock is ahead of ours, and milliseconds on its other one. */
  const look = async (): Promise<[number, number]> => {
    child.send('look')
    const [[wall, steady]] = (await once(child, 'message')) as [[number, number]]
    return [Math.round((wall - Date.now()) / 60_000), steady]
  }
  const untilAhead = async (minutes: number): Promise<void> => {
    while ((await look())[0] !== minutes) continue
  }
  const [, began] = await look()
  const before = performance.now()
  const fault = stepClock('relay', clock)
  const forward = await fault.strike(() => 0.9)
  await untilAhead(60)
  await forward.heal()
  await untilAhead(0)
  const back = await fault.strike(() => 0.1)
  await untilAhead(-60)
  await back.heal()
  await untilAhead(0)
  const [, ended] = await look()
  const drift = ended - began - (performance.now() - before)
  assert.ok(Math.abs(drift) < 1_000, `${drift} ms`)
})

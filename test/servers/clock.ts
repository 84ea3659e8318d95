import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { canInstall, install } from './programs.ts'

/** The wall clock of processes, which can be stepped while they run; no other clock moves with it. */
export interface SteppableClock {
  /** What the processes are started with. */
  readonly env: NodeJS.ProcessEnv
  /** Sets it to so many seconds after the true time, or before. Heard within a second. */
  set(seconds: number): void
}

const library = 'libfaketimeMT.so.1'

/** The path of libfaketime, which is installed where that can be done; else why it can't be had. */
export async function findFaketime(): Promise<string | { readonly missing: string }> {
  if (process.platform !== 'linux') return { missing: 'libfaketime is used on Linux only' }
  const found = installedLibrary()
  if (found !== undefined) return found
  if (canInstall()) await install(['libfaketime'])
  return installedLibrary() ?? { missing: 'libfaketime, on Debian: apt-get install libfaketime' }
}

/** Debian keeps it in a folder of the architecture, others do without. */
function installedLibrary(): string | undefined {
  return ['/usr/lib', '/usr/local/lib', ...foldersIn('/usr/lib')]
    .map((folder) => join(folder, 'faketime', library))
    .find((path) => existsSync(path))
}

function foldersIn(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name))
}

/**
 * A clock whose state is in `file`: of the same file it is the same clock.
 *
 * @example
 * const clock = steppableClock(faketime, '/tmp/clock')
 * fork('relay.ts', { env: { ...process.env, ...clock.env } })
 * clock.set(3_600)
 */
export function steppableClock(faketime: string, file: string): SteppableClock {
  const set = (seconds: number): void => {
    writeFileSync(`${file}.next`, `${seconds < 0 ? '' : '+'}${seconds}\n`)
    renameSync(`${file}.next`, file)
  }
  if (!existsSync(file)) set(0)
  return {
    env: {
      LD_PRELOAD: faketime,
      FAKETIME_TIMESTAMP_FILE: file,
      // Seconds between two looks into the file.
      FAKETIME_CACHE_DURATION: '1',
      // Timers and timeouts go on as they do when an operator sets a clock.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // Killed processes would leave it behind.
      FAKETIME_DISABLE_SHM: '1',
    },
    set,
  }
}

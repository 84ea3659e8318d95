import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { commandLine, isAlive, signalTree } from './processes.ts'
import { findProgram } from './programs.ts'
import { unmountBelow } from './small-disk.ts'

/** A folder for one server; its name says which process runs it. */
export function makeServerFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `oncommit-${name}-${process.pid}-`))
  // Servers may run as another user, who has to pass through.
  chmodSync(folder, 0o755)
  return folder
}

/** Notes whose folder this is, for the one who finds it after we died. */
export function noteServer(folder: string, pid: number): void {
  writeFileSync(join(folder, 'server.pid'), String(pid))
}

/** Ends the servers of processes that died without ending them, and removes their folders. */
export function endStrays(): void {
  for (const name of readdirSync(tmpdir())) {
    const runner = /^oncommit-[a-z]+-(\d+)-\w+$/.exec(name)?.[1]
    if (runner === undefined || isAlive(Number(runner))) continue
    const folder = join(tmpdir(), name)
    const pid = notedServer(folder)
    // The number may belong to somebody else by now.
    if (pid !== undefined && commandLine(pid).includes(folder)) signalTree(pid, 'SIGKILL')
    removeServerFolder(folder)
  }
}

function notedServer(folder: string): number | undefined {
  try {
    return Number(readFileSync(join(folder, 'server.pid'), 'utf8'))
  } catch {
    return undefined
  }
}

/** Removes the folder of a server that has ended, and what it left elsewhere. */
export function removeServerFolder(folder: string): void {
  removeSharedMemory(join(folder, 'data', 'postmaster.pid'))
  unmountBelow(folder)
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** A killed PostgreSQL leaves 56 bytes of shared memory, and a system has a few thousand of these. */
function removeSharedMemory(pidFile: string): void {
  const segment = sharedMemoryOf(pidFile)
  const ipcrm = findProgram('ipcrm')
  if (segment !== undefined && ipcrm !== undefined) spawnSync(ipcrm, ['-m', segment])
}

/** The seventh line of the file, which is there until an orderly end, holds key and id. */
function sharedMemoryOf(pidFile: string): string | undefined {
  try {
    return readFileSync(pidFile, 'utf8').split('\n')[6]?.trim().split(/\s+/)[1]
  } catch {
    return undefined
  }
}

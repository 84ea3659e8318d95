import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { asNobody, findProgram, runOrThrow } from './programs.ts'

// A tmpfs: the only file system that can be made and made smaller without a device.

/** Says why this process can't give a server a disk of its own, or nothing when it can. */
export function whyNoDisk(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return 'a file system of its own can be mounted by root on Linux only'
  }
  const folder = mkdtempSync(join(tmpdir(), 'oncommit-mount-'))
  try {
    const { status, stderr } = spawnSync(program('mount'), [
      '-t',
      'tmpfs',
      '-o',
      'size=1m',
      'tmpfs',
      folder,
    ])
    if (status !== 0) return `mount: ${stderr?.toString().trim()}`
    unmountBelow(folder)
    return undefined
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Makes an empty folder on a disk of its own, in memory. It ends with the folder around it. */
export async function makeDisk(folder: string, size: string): Promise<void> {
  mkdirSync(folder)
  const { uid = 0, gid = 0 } = asNobody
  const options = `size=${size},mode=0700,uid=${uid},gid=${gid}`
  await runOrThrow(program('mount'), ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
}

/** Makes a disk as large as asked, or just as small as what it holds and so many bytes more. */
export async function resizeDisk(
  folder: string,
  size: string | { readonly free: number },
): Promise<void> {
  const wanted = typeof size === 'string' ? size : usedBytes(folder) + size.free
  await runOrThrow(program('mount'), ['-o', `remount,size=${wanted}`, folder])
}

function usedBytes(folder: string): number {
  const { blocks, bfree, bsize } = statfsSync(folder)
  return (blocks - bfree) * bsize
}

/** Takes away the disks in a folder. Who still uses one keeps it until the end. */
export function unmountBelow(folder: string): void {
  for (const point of mountPoints()) {
    if (point === folder || point.startsWith(`${folder}/`))
      spawnSync(program('umount'), ['-l', point])
  }
}

function mountPoints(): string[] {
  try {
    const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n')
    return lines.map((line) => line.split(' ')[1] ?? '').filter((point) => point !== '')
  } catch {
    return []
  }
}

function program(name: 'mount' | 'umount'): string {
  return findProgram(name) ?? name
}

import { randomUUID } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout } from 'node:timers/promises'

import { isAlive } from './processes.ts'

/** What takes long to make is kept here; git ignores it, and it may be deleted at any time. */
export const cacheFolder: string = join(
  dirname(fileURLToPath(import.meta.url)),
  '..',
  '..',
  '.cache',
)

/**
 * The path of something in the cache, which `make` makes at the path that it is given when it is
 * not there or was made from another `key`. Processes that ask at the same time wait for the one
 * that makes it, and nobody ever sees half of it.
 */
export async function cached(
  name: string,
  key: string,
  make: (path: string) => Promise<void>,
): Promise<string> {
  const path = join(cacheFolder, name)
  if (isFresh(path, key)) return path
  mkdirSync(dirname(path), { recursive: true })
  await lock(`${path}.lock`)
  try {
    if (isFresh(path, key)) return path
    const unfinished = `${path}.${process.pid}`
    rmSync(unfinished, { recursive: true, force: true })
    await make(unfinished)
    rmSync(`${path}.key`, { force: true })
    rmSync(path, { recursive: true, force: true })
    renameSync(unfinished, path)
    writeFileSync(`${path}.key`, key)
    return path
  } finally {
    rmSync(`${path}.lock`, { force: true })
  }
}

function isFresh(path: string, key: string): boolean {
  return (
    existsSync(path) && existsSync(`${path}.key`) && readFileSync(`${path}.key`, 'utf8') === key
  )
}

/** The lock is a file that names its owner; a link to a finished file can be made by one only. */
async function lock(path: string): Promise<void> {
  const signed = `${path}.${randomUUID()}`
  writeFileSync(signed, String(process.pid))
  try {
    while (!tryLink(signed, path)) {
      if (isAbandoned(path)) rmSync(path, { force: true })
      else await setTimeout(100)
    }
  } finally {
    rmSync(signed, { force: true })
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function isAbandoned(path: string): boolean {
  try {
    return !isAlive(Number(readFileSync(path, 'utf8')))
  } catch {
    // Given back between the two calls.
    return false
  }
}

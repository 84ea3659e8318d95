import { spawn } from 'node:child_process'
import { constants, accessSync, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly uid?: number
  readonly gid?: number
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Root may not run PostgreSQL: its programs are started as this user then, who needs no account. */
export const asNobody: { uid?: number; gid?: number } =
  process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

/** Tells the person at the terminal what takes time. */
export function progress(line: string): void {
  process.stderr.write(`oncommit: ${line}\n`)
}

/** Runs a program to its end. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  return { code, stdout, stderr }
}

/** Runs a program to its end and throws what it printed unless it succeeded. */
export async function runOrThrow(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options)
  if (code === 0) return stdout
  throw new Error(`${program} ${args.join(' ')} exited with ${code}\n${stdout}${stderr}`)
}

/** The path of a program that the shell would find, or nothing. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return [...folders, '/usr/local/sbin', '/usr/sbin', '/sbin']
    .map((folder) => join(folder, name))
    .find(isExecutable)
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Copies a folder with owners, modes and links, which `fs.cp` does not keep. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await runOrThrow('cp', ['-pR', from, to])
}

/** Says whether packages can be installed here without asking anybody. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version')
}

let listsAreFresh = false

/** Installs a Debian package; with several names, the first that this release has. */
export async function install(names: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  if (!listsAreFresh) {
    progress('apt-get update …')
    await runOrThrow('apt-get', ['-qq', 'update'], { env })
    listsAreFresh = true
  }
  const failures: unknown[] = []
  for (const name of names) {
    progress(`installing ${name} with apt-get …`)
    try {
      await runOrThrow('apt-get', ['-qq', '-y', '--no-install-recommends', 'install', name], {
        env,
      })
      return
    } catch (error) {
      failures.push(error)
    }
  }
  throw new AggregateError(failures, `apt-get could not install ${names.join(' or ')}`)
}

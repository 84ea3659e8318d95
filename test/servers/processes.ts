import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

interface ProcessRow {
  readonly pid: number
  readonly parent: number
  readonly state: string
}

const hasProc = existsSync('/proc/self/stat')

/** A process and everything below it, parents before children. */
export function processTree(pid: number): number[] {
  const rows = hasProc ? rowsOfProc() : rowsOfPs()
  const tree = [pid]
  for (const parent of tree) {
    for (const row of rows) if (row.parent === parent) tree.push(row.pid)
  }
  return tree
}

/** Says whether a process runs; one that has ended and that nobody has reaped does not. */
export function isAlive(pid: number): boolean {
  if (hasProc) return ![undefined, 'Z', 'X'].includes(rowOf(pid)?.state)
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** The command line of a process, or nothing when it has ended. */
export function commandLine(pid: number): string {
  try {
    if (hasProc) return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
    return execFileSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' })
  } catch {
    return ''
  }
}

/** Sends a signal to a process and to everything below it, without letting it fork meanwhile. */
export function signalTree(pid: number, signal: NodeJS.Signals): number[] {
  // A stopped parent has no new children, so that the list is complete.
  if (signal === 'SIGKILL' || signal === 'SIGSTOP') signalOne(pid, 'SIGSTOP')
  const tree = processTree(pid)
  for (const one of tree) signalOne(one, signal)
  return tree
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function rowsOfProc(): ProcessRow[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => rowOf(Number(name)) ?? [])
}

/** `/proc/<pid>/stat` is `pid (name) state parent …`, and the name may hold anything. */
function rowOf(pid: number): ProcessRow | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { pid, parent: Number(parent), state }
  } catch {
    return undefined
  }
}

function rowsOfPs(): ProcessRow[] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,state='], { encoding: 'utf8' })
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [pid = '', parent = '', state = ''] = line.trim().split(/\s+/)
      return { pid: Number(pid), parent: Number(parent), state: state.slice(0, 1) }
    })
}

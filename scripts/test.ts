// npm test [-- <part of a path, or a glob> …] [-- --test-name-pattern=…]
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, matchesGlob } from 'node:path'
import { createInterface } from 'node:readline'
import { stripVTControlCharacters } from 'node:util'

interface Phase {
  readonly title: string
  readonly files: readonly string[]
  /** How many files run side by side. */
  readonly concurrency: number
  readonly timeoutMs: number
}

interface Outcome {
  readonly phase: Phase
  readonly code: number
  readonly report: Report
}

interface Report {
  /** Its last lines, with how many tests ran and how they went. */
  readonly closing: readonly string[]
  /** Files in which no test ran: node:test counts each of them as a test that passed. */
  readonly empty: readonly string[]
}

const root = dirname(import.meta.dirname)
// Tests that kill and freeze servers need the machine for themselves.
const heavyFolders = ['test/chaos/', 'test/faults/']

/** The files that a command line chooses: all, or those that one of its words is found in. */
function chooseFiles(words: readonly string[]): string[] {
  const all = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root }).toSorted()
  if (words.length === 0) return all
  const unmatched = words.filter((word) => !all.some((file) => isChosen(file, word)))
  if (unmatched.length > 0) throw new Error(`no test file matches ${unmatched.join(', ')}`)
  return all.filter((file) => words.some((word) => isChosen(file, word)))
}

function isChosen(file: string, word: string): boolean {
  return file.includes(word.replace(/^\.\//, '')) || matchesGlob(file, word)
}

function makePhases(files: readonly string[]): Phase[] {
  const isHeavy = (file: string): boolean => heavyFolders.some((folder) => file.startsWith(folder))
  const light: Phase = {
    title: 'side by side',
    files: files.filter((file) => !isHeavy(file)),
    concurrency: Math.max(2, Math.min(8, availableParallelism())),
    timeoutMs: 120_000,
  }
  const heavy: Phase = {
    title: 'one at a time',
    files: files.filter(isHeavy),
    concurrency: 1,
    timeoutMs: 600_000,
  }
  return [light, heavy].filter((phase) => phase.files.length > 0)
}

/** Tests beside their sources need no servers, nor do those that lie in `test` itself. */
function needServers(files: readonly string[]): boolean {
  return files.some((file) => file.startsWith('test/') && file.split('/').length > 2)
}

async function runPhase(phase: Phase, flags: readonly string[]): Promise<Outcome> {
  process.stdout.write(`\n${nameOf(phase)}\n`)
  const setup = needServers(phase.files) ? ['--test-global-setup=test/servers/setup.ts'] : []
  const child = spawn(
    process.execPath,
    [
      '--test',
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-concurrency=${phase.concurrency}`,
      `--test-timeout=${phase.timeoutMs}`,
      ...setup,
      ...flags,
      ...phase.files,
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: environment() },
  )
  const ended = Promise.withResolvers<number>()
  child.once('error', ended.reject)
  child.once('exit', (code) => {
    ended.resolve(code ?? 1)
  })
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal)
  }
  process.on('SIGTERM', forward)
  const report = await printReport(child.stdout)
  const code = await ended.promise
  process.off('SIGTERM', forward)
  return { phase, code, report }
}

function environment(): NodeJS.ProcessEnv {
  return process.stdout.isTTY ? { ...process.env, FORCE_COLOR: '1' } : process.env
}

/** Prints a report as it comes, but for its closing lines, which are wanted at the very end. */
async function printReport(output: NodeJS.ReadableStream): Promise<Report> {
  const closing: string[] = []
  const empty: string[] = []
  for await (const line of createInterface({ input: output })) {
    const plain = stripVTControlCharacters(line)
    if (/^ℹ (?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(plain)) {
      closing.push(plain)
    } else {
      const file = /^✔ (\S+\.test\.ts) \(/.exec(plain)?.[1]
      if (file !== undefined) empty.push(file)
      process.stdout.write(`${line}\n`)
    }
  }
  return { closing, empty }
}

function nameOf({ files, title }: Phase): string {
  return `${files.length} test ${files.length === 1 ? 'file' : 'files'}, ${title}`
}

function printOutcome({ phase, code, report }: Outcome): void {
  const result = code === 0 ? 'passed' : `failed with exit code ${code}`
  process.stdout.write(`\n${nameOf(phase)}: ${result}\n`)
  for (const line of report.closing) process.stdout.write(`${line}\n`)
}

function testsRun({ report }: Outcome): number {
  const counted = Number(/^ℹ tests (\d+)$/m.exec(report.closing.join('\n'))?.[1] ?? 0)
  return counted - report.empty.length
}

async function main(args: readonly string[]): Promise<void> {
  const flags = args.filter((arg) => arg.startsWith('-'))
  const files = chooseFiles(args.filter((arg) => !arg.startsWith('-')))
  const outcomes: Outcome[] = []
  for (const phase of makePhases(files)) outcomes.push(await runPhase(phase, flags))
  for (const outcome of outcomes) printOutcome(outcome)
  const failed = outcomes.find((outcome) => outcome.code !== 0)
  if (failed) {
    process.exitCode = failed.code
    return
  }
  if (outcomes.every((outcome) => testsRun(outcome) <= 0)) throw new Error('no test ran')
  // With a pattern for the names of tests, files without one are no surprise.
  const empty = flags.length > 0 ? [] : outcomes.flatMap(({ report }) => report.empty)
  if (empty.length > 0) throw new Error(`no test ran in ${empty.join(', ')}`)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`npm test: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

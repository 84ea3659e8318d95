// npm run test:package: uses the packed tarball as somebody does who has just installed it.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

interface Manifest {
  readonly name: string
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}

const root = dirname(dirname(import.meta.dirname))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
const entries = Object.entries(manifest.exports)
  .filter(([, path]) => path.endsWith('.js'))
  .map(([name]) => name.replace(/^\./, manifest.name))
const nodeFolder = dirname(process.execPath)

interface Ran {
  readonly code: number | null
  readonly output: string
}

function run(cwd: string, command: string, args: readonly string[]): Ran {
  // What npm tells its scripts about this package is not meant for the npm that we start elsewhere.
  const { npm_config_local_prefix: _, ...rest } = process.env
  const env = { ...rest, PATH: `${nodeFolder}${delimiter}${process.env['PATH'] ?? ''}` }
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
  if (error) throw error
  return { code: status, output: `${stdout}${stderr}` }
}

function runOrFail(cwd: string, command: string, args: readonly string[]): string {
  const { code, output } = run(cwd, command, args)
  assert.equal(code, 0, `${command} ${args.join(' ')}\n${output}`)
  return output
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function installTarball(folder: string): void {
  assert.ok(existsSync(join(root, 'dist')), 'there is no dist: npm run build')
  runOrFail(root, 'npm', ['pack', '--silent', '--pack-destination', folder])
  const [tarball = ''] = globSync('*.tgz', { cwd: folder })
  const consumer = { name: 'consumer', private: true, type: 'module' }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(consumer))
  runOrFail(folder, 'npm', [
    'install',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    `./${tarball}`,
  ])
  for (const peer of Object.keys(manifest.peerDependencies)) {
    assert.equal(existsSync(join(folder, 'node_modules', peer)), false, `${peer} was installed`)
  }
  say('installs without the optional peers')
}

function importEntries(folder: string): void {
  for (const entry of entries) {
    const program = `const entry = await import('${entry}'); if (Object.keys(entry).length === 0) throw new Error('exports nothing')`
    runOrFail(folder, process.execPath, ['--input-type=module', '--eval', program])
  }
  say(`imports ${entries.join(', ')} without the optional peers`)
}

function typeCheck(folder: string): void {
  const imports = entries.map((entry, index) => `import * as entry${index} from '${entry}'\n`)
  const uses = entries.map((_, index) => `entry${index}`).join(', ')
  writeFileSync(
    join(folder, 'consumer.ts'),
    `${imports.join('')}export const entries: readonly object[] = [${uses}]\n`,
  )
  mkdirSync(join(folder, 'types'))
  symlinkSync(join(root, 'node_modules', '@types', 'node'), join(folder, 'types', 'node'))
  const compilerOptions = {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    // Node's types alone: TypeScript would look for those of a missing peer in this folder too.
    typeRoots: ['types'],
    types: ['node'],
  }
  const config = { compilerOptions, files: ['consumer.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  runOrFail(folder, process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'])
  say('type-checks with skipLibCheck: false')
}

function askForHelp(folder: string): void {
  for (const name of Object.keys(manifest.bin)) {
    const output = runOrFail(folder, join(folder, 'node_modules', '.bin', name), ['--help'])
    assert.match(output, new RegExp(`Usage: ${name}\\b`))
    say(`${name} --help answers`)
  }
}

/** A Node that is too old for us gets a sentence, and not a syntax error. */
function startOnOldNode(folder: string): void {
  const old = oldNode()
  if (old === undefined) {
    say('no Node older than 24 on this machine to try the guard with')
    return
  }
  for (const path of Object.values(manifest.bin)) {
    const main = join(folder, 'node_modules', manifest.name, path)
    const { code, output } = run(folder, old, [main, '--help'])
    assert.match(output, /needs Node\.js 24\.11 or newer/)
    assert.equal(code, 2, output)
  }
  say(`refuses ${old} in words`)
}

function oldNode(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']
  return folders
    .map((folder) => join(folder, 'node'))
    .filter((path) => existsSync(path))
    .find((path) => Number(/^v(\d+)/.exec(run(root, path, ['--version']).output)?.[1]) < 24)
}

const folder = mkdtempSync(join(tmpdir(), 'consume-tarball-'))
try {
  installTarball(folder)
  importEntries(folder)
  typeCheck(folder)
  askForHelp(folder)
  startOnOldNode(folder)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

// npm run api: writes the public declarations to api/, where a change of them can be reviewed.
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'

const root = dirname(import.meta.dirname)

/** The entries of a package by the names of their snapshots, with the declarations of each. */
function entries(): Map<string, string> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string>
  }
  const code = Object.entries(exports).filter(([, path]) => path.endsWith('.js'))
  return new Map(
    code.map(([name, path]) => [
      name === '.' ? 'index' : name.slice(2).replaceAll('/', '-'),
      posix.normalize(path.replace(/\.js$/, '.d.ts')),
    ]),
  )
}

/** Everything that a file of declarations leads to, itself first, in the order of its imports. */
function reach(path: string, found: Map<string, string> = new Map()): Map<string, string> {
  if (found.has(path)) return found
  if (!existsSync(join(root, path))) throw new Error(`${path} is not there: npm run build`)
  const text = readFileSync(join(root, path), 'utf8').replace(/^\/\/# sourceMappingURL.*\n?/m, '')
  found.set(path, text)
  for (const [, statement, call] of text.matchAll(/\bfrom '(\.[^']+)'|\bimport\('(\.[^']+)'\)/g)) {
    const specifier = (statement ?? call ?? '').replace(/\.[jt]s$/, '.d.ts')
    reach(posix.join(posix.dirname(path), specifier), found)
  }
  return found
}

function snapshot(path: string): string {
  const parts = [...reach(path)].map(([from, text]) => `// ${from}\n${text.trim()}\n`)
  return parts.join('\n')
}

function writeSnapshots(): void {
  const all = entries()
  mkdirSync(join(root, 'api'), { recursive: true })
  for (const old of globSync('api/*.d.ts', { cwd: root })) rmSync(join(root, old))
  for (const [name, path] of all) {
    writeFileSync(join(root, 'api', `${name}.d.ts`), snapshot(path))
  }
}

/** `git diff` shows nothing of a file that git does not know. */
function unknownToGit(): string {
  const args = ['ls-files', '--others', '--exclude-standard', 'api']
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
}

writeSnapshots()
const fresh = unknownToGit()
if (fresh !== '') {
  process.stderr.write(`new entries, to be reviewed and committed:\n${fresh}\n`)
  process.exitCode = 1
}

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { describe, it } from 'node:test'

/** What each area may import besides itself; an area is the first folder under src. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  stores: ['core'],
  brokers: ['core'],
  codecs: ['core'],
  transactions: ['core'],
  telemetry: ['core'],
  outbox: ['core'],
  relay: ['core'],
  consumer: ['core'],
  operations: ['core'],
  bus: ['core', 'outbox', 'relay', 'consumer', 'operations', 'codecs'],
  cli: ['core', 'bus', 'consumer', 'operations', 'stores', 'brokers', 'codecs', 'console'],
  console: ['core', 'operations'],
  testing: ['core', 'bus', 'outbox', 'relay', 'consumer'],
  // The entry `oncommit` itself.
  'index.ts': ['core', 'bus', 'consumer', 'operations', 'relay'],
}

/** Areas of folders that don't know each other: one for each database, broker, format. */
const areasOfSiblings = new Set(['stores', 'brokers', 'codecs', 'transactions'])

/** What only those users install who use the adapter: loaded by `import()` when it is needed. */
const optionalPeers = ['pg', 'postgres', '@platformatic/kafka']

/** Sources by their path from the root. */
type Sources = ReadonlyMap<string, string>

interface Import {
  readonly from: string
  readonly specifier: string
  /** `import('…')` where a value is meant: loaded when the line runs. */
  readonly isDynamic: boolean
}

const statement = /^\s*(?:import|export)\b[^'";]*?\bfrom\s+'([^']+)'|^\s*import\s+'([^']+)'/gm
const call = /(\btypeof\s+|[:<|&,=]\s*)?\bimport\(\s*'([^']+)'\s*\)(\.[A-Z])?/g

function importsOf(from: string, source: string): Import[] {
  const code = source.replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '')
  const statements = [...code.matchAll(statement)].map((match) => match[1] ?? match[2] ?? '')
  const calls = [...code.matchAll(call)].map((match) => ({
    from,
    specifier: match[2] ?? '',
    // `typeof import('pg')` and `import('pg').Pool` are types.
    isDynamic: match[3] === undefined && !(match[1] ?? '').startsWith('typeof'),
  }))
  return [...statements.map((specifier) => ({ from, specifier, isDynamic: false })), ...calls]
}

function allImports(sources: Sources): Import[] {
  return [...sources].flatMap(([path, source]) => importsOf(path, source))
}

/** The path that a relative import leads to, or nothing for a package. */
function target({ from, specifier }: Import): string | undefined {
  return specifier.startsWith('.')
    ? posix.normalize(posix.join(posix.dirname(from), specifier))
    : undefined
}

function describeImport({ from, specifier }: Import): string {
  return `${from} imports ${specifier}`
}

function areasWithoutRule(sources: Sources): string[] {
  const areas = new Set([...sources.keys()].map((path) => path.split('/')[1] ?? ''))
  return [...areas].filter((area) => !(area in allowed))
}

function wrongWays(sources: Sources): string[] {
  return allImports(sources)
    .filter((one) => {
      const to = target(one)
      if (to === undefined) return false
      const [, area = '', folder = ''] = one.from.split('/')
      const [top, otherArea = '', otherFolder = ''] = to.split('/')
      if (top !== 'src') return true
      if (area !== otherArea) return !(allowed[area] ?? []).includes(otherArea)
      return areasOfSiblings.has(area) && folder !== otherFolder
    })
    .map(describeImport)
}

function foreignImportsOfCore(sources: Sources): string[] {
  return allImports(sources)
    .filter(({ from }) => from.startsWith('src/core/'))
    .filter(({ specifier }) => !specifier.startsWith('./') && !specifier.startsWith('node:'))
    .map(describeImport)
}

/** Types of a peer count too: declarations that name them can't be read without the peer. */
function staticImportsOfPeers(sources: Sources): string[] {
  return allImports(sources)
    .filter(({ isDynamic }) => !isDynamic)
    .filter(({ specifier }) =>
      optionalPeers.some((peer) => specifier === peer || specifier.startsWith(`${peer}/`)),
    )
    .map(describeImport)
}

/** Each cycle once, as the path that leads back to its beginning. */
function cycles(sources: Sources): string[] {
  const next = Map.groupBy(
    allImports(sources).filter((one) => target(one) !== undefined),
    ({ from }) => from,
  )
  const found: string[] = []
  const finished = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      found.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
    } else if (!finished.has(path)) {
      for (const one of next.get(path) ?? []) visit(target(one) ?? '', [...trail, path])
      finished.add(path)
    }
  }
  for (const path of sources.keys()) visit(path, [])
  return found
}

function readSources(): Sources {
  const root = dirname(import.meta.dirname)
  const paths = globSync('src/**/*.ts', { cwd: root }).filter((path) => !path.endsWith('.test.ts'))
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
}

describe('imports', () => {
  const sources = readSources()

  it('come from folders that have a rule', () => {
    assert.ok(sources.size > 0)
    assert.deepEqual(areasWithoutRule(sources), [])
  })

  it('travel one way', () => {
    assert.deepEqual(wrongWays(sources), [])
  })

  it('bring nothing but Node into the core', () => {
    assert.deepEqual(foreignImportsOfCore(sources), [])
  })

  it('load optional peers when they are needed, and never name their types', () => {
    assert.deepEqual(staticImportsOfPeers(sources), [])
  })

  it('make no cycles', () => {
    assert.deepEqual(cycles(sources), [])
  })
})

function plant(files: Readonly<Record<string, string>>): Sources {
  return new Map(Object.entries(files))
}

describe('the check of imports finds', () => {
  it('a folder without a rule', () => {
    assert.deepEqual(areasWithoutRule(plant({ 'src/utils/a.ts': '' })), ['utils'])
  })

  it('an import against the direction, in each way to write one', () => {
    for (const line of [
      `import { Relay } from '../relay/relay.ts'`,
      `import type { Relay } from '../relay/relay.ts'`,
      `import {\n  Relay,\n} from '../relay/relay.ts'`,
      `export * from '../relay/relay.ts'`,
      `import '../relay/relay.ts'`,
      `const { Relay } = await import('../relay/relay.ts')`,
      `type Relay = import('../relay/relay.ts').Relay`,
    ]) {
      const wrong = wrongWays(plant({ 'src/outbox/a.ts': `const a = 1\n${line}` }))
      assert.deepEqual(wrong, ['src/outbox/a.ts imports ../relay/relay.ts'], line)
    }
  })

  it('a store that imports another, and a source that imports what is not shipped', () => {
    const siblings = plant({ 'src/stores/sqlite/a.ts': `import { a } from '../postgres/a.ts'` })
    assert.equal(wrongWays(siblings).length, 1)
    const outside = plant({ 'src/core/a.ts': `import { a } from '../../test/a.ts'` })
    assert.equal(wrongWays(outside).length, 1)
    const right = plant({ 'src/stores/sqlite/a.ts': `import { a } from '../../core/a.ts'` })
    assert.deepEqual(wrongWays(right), [])
  })

  it('a package in the core', () => {
    const wrong = plant({ 'src/core/a.ts': `import { a } from 'pg'\nimport 'node:fs'` })
    assert.deepEqual(foreignImportsOfCore(wrong), ['src/core/a.ts imports pg'])
  })

  it('a peer that is imported for its values or its types', () => {
    for (const line of [
      `import { Pool } from 'pg'`,
      `import type { Pool } from 'pg'`,
      `import { Producer } from '@platformatic/kafka'`,
      `import { a } from 'pg/lib/a.js'`,
      `type Pool = import('pg').Pool`,
      `let pg: typeof import('pg')`,
    ]) {
      assert.equal(
        staticImportsOfPeers(plant({ 'src/stores/postgres/a.ts': line })).length,
        1,
        line,
      )
    }
    for (const line of [
      `const { Pool } = await import('pg')`,
      `const { default: pg } = await import('pg')`,
      `const loading = import('pg')`,
      `load(() => import('pg'))`,
      ` * import { Pool } from 'pg'`,
      `import { a } from './pg.ts'`,
    ]) {
      assert.deepEqual(staticImportsOfPeers(plant({ 'src/stores/postgres/a.ts': line })), [], line)
    }
  })

  it('a cycle', () => {
    const sources = plant({
      'src/core/a.ts': `import { b } from './b.ts'`,
      'src/core/b.ts': `import { c } from './c.ts'`,
      'src/core/c.ts': `import { b } from './b.ts'`,
    })
    assert.deepEqual(cycles(sources), ['src/core/b.ts → src/core/c.ts → src/core/b.ts'])
  })
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** The fenced blocks of a language in a document, in their order; `''` for blocks without one. */
export function blocksOf(document: string, language: string): string[] {
  const text = readFileSync(join(root, document), 'utf8')
  const fence = /^```(\w*)\n([\s\S]*?)^```$/gm
  return [...text.matchAll(fence)]
    .filter(([, own]) => own === language)
    .map(([, , body = '']) => body)
}

/** What the exports of package.json will be, read from the sources. */
export function onSources(code: string): string {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string>
  }
  return code.replaceAll(/from 'oncommit(\/\w+)?'/g, (_, path: string | undefined) => {
    const target = exports[`.${path ?? ''}`]
    assert.ok(target, `package.json exports .${path ?? ''}`)
    return `from '${join(root, target.replace('./dist', 'src').replace(/\.js$/, '.ts'))}'`
  })
}

/** A program of a document, and what it is said to print. */
export interface Snippet {
  /** The heading above it. */
  readonly title: string
  readonly code: string
  /** Of the block without a language that follows it; empty where none does. */
  readonly output: string
}

/** The TypeScript programs of a document, in their order. */
export function snippetsOf(document: string): Snippet[] {
  const page = readFileSync(join(root, document), 'utf8')
  const found: Snippet[] = []
  let title = ''
  for (const [, heading, language, body = ''] of page.matchAll(
    /^#+ (.+)$|^```(\w*)\n([\s\S]*?)^```$/gm,
  )) {
    if (heading !== undefined) title = heading
    else if (language === 'ts') found.push({ title, code: body, output: '' })
    else if (language === '') found.push({ ...found.pop()!, output: body })
  }
  return found
}

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

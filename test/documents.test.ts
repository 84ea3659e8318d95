import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const documents = ['README.md', ...globSync('docs/**/*.md', { cwd: root })]

/** A document without its programs, in which nothing is a link. */
function proseOf(document: string): string {
  return readFileSync(join(root, document), 'utf8').replaceAll(/^```\w*\n[\s\S]*?^```$/gm, '')
}

/** As they are made on GitHub: `## What it does not cover` is `#what-it-does-not-cover`. */
function anchorsOf(document: string): string[] {
  return [...proseOf(document).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

for (const document of documents) {
  test(`every link of ${document} leads somewhere`, () => {
    for (const [, link = ''] of proseOf(document).matchAll(/\]\(([^)]+)\)/g)) {
      if (link.startsWith('https:')) continue
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? document : join(dirname(document), path)
      assert.ok(existsSync(join(root, target)), `${document} names ${link}`)
      if (anchor !== undefined) {
        assert.ok(anchorsOf(target).includes(anchor), `${document} names ${link}`)
      }
    }
  })

  test(`every script that ${document} runs is one of package.json`, () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const text = readFileSync(join(root, document), 'utf8')
    for (const [, script = ''] of text.matchAll(/npm run ([\w:]+)/g)) {
      assert.ok(script in scripts, `${document} runs ${script}`)
    }
  })
}

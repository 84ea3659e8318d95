import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { onSources, snippetsOf } from './documents.ts'

describe('docs/dead-letters.md', () => {
  const [setUp, ...snippets] = snippetsOf('docs/dead-letters.md')

  for (const { title, code, output } of snippets) {
    test(`"${title}" prints what the page says`, () => {
      // Inside the checkout, so that the optional peers are found.
      const folder = mkdtempSync(join(import.meta.dirname, '.dead-letters-'))
      try {
        const program = join(folder, 'program.ts')
        writeFileSync(program, onSources(`${setUp?.code}\n${code}\nawait bus.close()\n`))
        const options = { encoding: 'utf8', timeout: 60_000, cwd: folder } as const
        const ran = spawnSync(process.execPath, [program], options)
        assert.equal(ran.stdout, output, ran.stderr)
        assert.equal(ran.status, 0, ran.stderr)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
})

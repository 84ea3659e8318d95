import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { cached } from '../cache.ts'
import { findProgram, isExecutable, progress, runOrThrow } from '../programs.ts'

const version = 'v2.12.0'
const source = `github.com/Shopify/toxiproxy/v2/cmd/server@${version}`

/** Toxiproxy's server: one that is installed, else our own, which Go builds once. */
export async function toxiproxyProgram(): Promise<string> {
  const installed = findProgram('toxiproxy-server')
  if (installed !== undefined) return installed
  const folder = await cached(`toxiproxy-${version}`, source, build)
  return join(folder, 'server')
}

async function build(folder: string): Promise<void> {
  const go = findGo()
  if (go === undefined) throw new Error(howToHaveIt)
  progress(`building toxiproxy ${version} with Go …`)
  // Settings of Go's that were made for other programs must not decide how this one is built.
  const env = { ...process.env, GOBIN: folder, GOFLAGS: '-buildvcs=false' }
  await runOrThrow(go, ['install', source], { env })
}

const howToHaveIt =
  'toxiproxy is needed by this test, and for it Go 1.23 or newer, in the PATH or in /usr/local/go, or its own toxiproxy-server in the PATH'

/** Go's own archive goes to /usr/local/go, Debian's packages to /usr/lib/go-<version>. */
function findGo(): string | undefined {
  const inDebian = namesIn('/usr/lib')
    .filter((name) => name.startsWith('go-'))
    .map((name) => join('/usr/lib', name, 'bin', 'go'))
  return [findProgram('go') ?? '', '/usr/local/go/bin/go', ...inDebian].find(
    (path) => path !== '' && isExecutable(path),
  )
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted()
  } catch {
    return []
  }
}

import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { cached } from '../cache.ts'
import { findProgram, isExecutable, progress, runOrThrow } from '../programs.ts'

const version = 'v2.12.0'
const source = `github.com/Shopify/toxiproxy/v2/cmd/server@${version}`

/** Toxiproxy's server: built once by the Go that is here, else one that is installed. */
export async function toxiproxyProgram(): Promise<string> {
  const go = findGo()
  if (go === undefined) return installedProgram()
  const folder = await cached(`toxiproxy-${version}`, source, async (path) => {
    progress(`building toxiproxy ${version} with Go …`)
    // A switch of the checkout's own Go settings must not decide what is built.
    const env = { ...process.env, GOBIN: path, GOFLAGS: '-buildvcs=false' }
    await runOrThrow(go, ['install', source], { env })
  })
  return join(folder, 'server')
}

function installedProgram(): string {
  const program = findProgram('toxiproxy-server')
  if (program !== undefined) return program
  throw new Error(
    'toxiproxy is needed by this test: either Go 1.23 or newer in the PATH or in /usr/local/go, which builds it, or its own toxiproxy-server in the PATH',
  )
}

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

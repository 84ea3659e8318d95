import { createServer } from 'node:net'
import { once } from 'node:events'
import { randomInt } from 'node:crypto'

// Below the range that systems give to outgoing connections (Linux 32768, macOS 49152): a client
// that retries a dead server's port would sooner or later be given that very port as its own,
// connect to itself, and keep the restarted server from listening.
const lowest = 15_000
const highest = 32_000

const given = new Set<number>()

/** A port of this machine that nothing listens on, a different one at each call. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(lowest, highest)
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

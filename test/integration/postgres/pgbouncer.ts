import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

import { freePort } from '../../servers/ports.ts'
import { asNobody, canInstall, findProgram, install } from '../../servers/programs.ts'

/** Few connections to the server, so that sessions do change hands. */
export async function startPgbouncer(server: {
  host: string
  port: number
}): Promise<AsyncDisposable & { port: number }> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'oncommit-pgbouncer-'))
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, 'users.txt'), '"postgres" ""\n')
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]\n* = host=${server.host} port=${server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}
auth_type = trust\nauth_file = ${join(folder, 'users.txt')}\npool_mode = transaction\ndefault_pool_size = 5\nunix_socket_dir =
ignore_startup_parameters = extra_float_digits\n`,
  )
  const child = spawn(await pgbouncer(), [join(folder, 'pgbouncer.ini')], {
    ...asNobody,
    stdio: 'ignore',
  })
  const gone = once(child, 'exit')
  while (!(await accepts(port))) await setTimeout(20)
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** The program; installed where that can be done. */
async function pgbouncer(): Promise<string> {
  if (findProgram('pgbouncer') === undefined && canInstall()) await install(['pgbouncer'])
  const program = findProgram('pgbouncer')
  if (program === undefined) throw new Error('this test needs pgbouncer: apt-get install pgbouncer')
  return program
}

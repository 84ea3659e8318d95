import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

import {
  type PostgresPair,
  type Server,
  connect,
  isAlive,
  resizeDisk,
} from '../../servers/index.ts'
import { type Fault, between, struck } from './fault.ts'

/** Of each PostgreSQL in a run: what it holds is in memory, the rest costs nothing. */
export const diskSize = '4g'

/**
 * The disk of the primary, with its tables and its log, has almost no room left. Transactions fail
 * when a table can't grow; when the log can't, PostgreSQL crashes, and an operator has to start it
 * once there is room again.
 */
export function fillDisk(postgres: PostgresPair): Fault {
  return {
    name: 'postgres: disk full',
    targets: ['postgres'],
    async strike(random) {
      const { primary } = postgres
      const disk = join(primary.folder, 'data')
      const free = 8_192 * between(random, 1, 64)
      await resizeDisk(disk, { free })
      return struck(`${free} bytes left`, async () => {
        await resizeDisk(disk, diskSize)
        await untilAnswers(primary)
        await postgres.untilSynchronous()
      })
    },
  }
}

/** It may be on its way down, or up again, or neither. */
async function untilAnswers(server: Server): Promise<void> {
  for (;;) {
    if (server.pid === undefined || !isAlive(server.pid)) await server.restart()
    try {
      await using connection = await connect(server)
      await connection.query('select 1')
      return
    } catch {
      await setTimeout(20)
    }
  }
}

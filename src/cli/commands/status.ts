import { status as read } from '../../operations/status.ts'
import { storeFrom } from '../connections.ts'
import type { StoreFlags } from '../connections.ts'
import { EXIT } from '../exit-codes.ts'
import type { Terminal } from '../terminal.ts'

export interface StatusFlags extends StoreFlags {
  readonly json?: boolean
}

/** `oncommit status`: how the outbox does; 1 where something is wrong. */
export async function status(flags: StatusFlags, terminal: Terminal): Promise<number> {
  const store = storeFrom(flags, terminal.environment)
  try {
    await store.check()
    await using inspection = await store.openInspection()
    const seen = await read(inspection)
    if (flags.json === true) terminal.result(JSON.stringify(seen))
    else {
      const { backlog, lanes, relays, openTransactions } = seen
      const age = backlog.oldestAgeMs === null ? '-' : `${backlog.oldestAgeMs / 1000} s`
      const live = relays.filter(({ state }) => state === 'live').length
      terminal.result(seen.healthy ? 'ok' : `unhealthy: ${seen.problems.join('; ')}`)
      terminal.result(`pending   ${backlog.pending}   oldest ${age}`)
      terminal.result(`blocked   ${backlog.blocked}   held ${backlog.held}   dead ${backlog.dead}`)
      terminal.result(`lanes     ${lanes.owned} of ${lanes.total} owned   relays ${live}`)
      terminal.result(`open      ${openTransactions.length} transactions`)
    }
    return seen.healthy ? EXIT.done : EXIT.failed
  } finally {
    await store.close()
  }
}

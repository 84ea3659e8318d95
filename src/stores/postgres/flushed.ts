import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from './database.ts'

/** How often to look whether others flush the log, a millisecond apart, before doing it. */
const LOOKS = 3

/** A commit that waits for the flush of the log up to it, whatever the settings are. */
const FLUSH_SQL = `BEGIN; SET LOCAL synchronous_commit = local; SELECT pg_logical_emit_message(true, 'oncommit', ''); COMMIT`

/**
 * Resolves when the write-ahead log is flushed up to `lsn`, so that what was seen before would
 * outlive a crash of the server. A commit that is under way does it in a moment, most times;
 * otherwise one of our own does.
 */
export async function flushed(connection: Connection, lsn: string): Promise<void> {
  for (let looks = 1; ; looks++) {
    const [rows = []] = await connection.script(
      `SELECT pg_current_wal_flush_lsn() >= '${lsn}'::pg_lsn`,
    )
    if (rows[0]?.[0] === 't') return
    if (looks < LOOKS) await sleep(1)
    else await connection.script(FLUSH_SQL)
  }
}

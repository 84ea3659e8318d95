import type { Broker } from '../../core/broker.ts'
import type { Clock } from '../../core/clock.ts'
import { reasonOf } from '../../core/errors.ts'
import type { LogClient } from '../../core/log.ts'
import type { Logger } from '../../core/logger.ts'
import type { Health } from './health.ts'
import { Patience } from './patience.ts'

export interface ClientParts {
  readonly broker: Pick<Broker, 'openLog'>
  readonly logger: Logger
  readonly clock: Clock
  readonly health: Health
}

/**
 * A client for one reader. An outage is waited out; `null` where the signal aborts first, and then
 * no client is left behind.
 */
export async function openClient(
  { broker, logger, clock, health }: ClientParts,
  { group, signal }: { readonly group: string | null; readonly signal: AbortSignal },
): Promise<LogClient | null> {
  const connect = async (): Promise<LogClient> => {
    const client = await broker.openLog({ clientId: `oncommit-${group ?? 'reader'}` })
    if (!signal.aborted) return client
    // Nobody waits for it any longer, so nobody else could close it.
    await closeClient(client, logger)
    throw signal.reason
  }
  try {
    const client = await new Patience(clock, health).ask({ asking: 'reading', signal }, connect)
    if (!signal.aborted) return client
    await closeClient(client, logger)
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return null
}

/** Closes a reader's client. Never rejects: that it did not close is logged. */
export async function closeClient(client: LogClient, logger: Logger): Promise<void> {
  try {
    await client.close()
  } catch (error) {
    logger.warn(`oncommit: a stream's client did not close: ${reasonOf(error)}`)
  }
}

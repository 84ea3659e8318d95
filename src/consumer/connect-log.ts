import type { Broker } from '../core/broker.ts'
import type { LogClient } from '../core/log.ts'
import type { Logger } from '../core/logger.ts'
import { closeClient } from './close-client.ts'
import type { Patience } from './patience.ts'

export interface Connecting {
  readonly broker: Pick<Broker, 'openLog'>
  readonly clientId: string
  readonly logger: Logger
  readonly patience: Patience
  /** Aborted when nobody waits for the client any longer. */
  readonly leaving: AbortSignal
}

/**
 * A client of the broker's log, asked for until it is there; `null` where nobody waits for it any
 * longer. One that comes too late is closed here: nobody else could.
 */
export async function connectLog(connecting: Connecting): Promise<LogClient | null> {
  const { broker, clientId, logger, patience, leaving } = connecting
  const client = await patience.ask({ asking: 'reading', signal: leaving }, async () => {
    const opened = await broker.openLog({ clientId })
    if (!leaving.aborted) return opened
    await closeClient(opened, logger)
    throw leaving.reason
  })
  if (!leaving.aborted) return client
  await closeClient(client, logger)
  return null
}

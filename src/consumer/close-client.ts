import { reasonOf } from '../core/errors.ts'
import type { LogClient } from '../core/log.ts'
import type { Logger } from '../core/logger.ts'

/** Closes a reader's client. Never rejects: that it did not close is logged. */
export async function closeClient(client: LogClient, logger: Logger): Promise<void> {
  try {
    await client.close()
  } catch (error) {
    logger.warn(`oncommit: a stream's client did not close: ${reasonOf(error)}`)
  }
}

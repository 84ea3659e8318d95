import type { Clock } from '../core/clock.ts'
import type { OutboxStore, RelaySession } from '../core/outbox-store.ts'
import { uuidv7 } from '../core/uuid.ts'
import { closeQuietly } from './close-quietly.ts'
import type { OutageLog } from './outage-log.ts'

const EVERY_MS = 60_000
const LEASE_MS = 3 * EVERY_MS
const CHUNK = 1000
const CLEANING = 'published events can not be cleaned up'

/**
 * Forgets events that were published longer ago than the retention. One works per outbox, elected
 * by a row; in small chunks, at most a tenth of the time, so that nobody notices.
 */
export class Cleaner {
  readonly #parts: {
    readonly store: Pick<OutboxStore, 'openRelaySession'>
    readonly retentionMs: number
    readonly outages: OutageLog
    readonly clock: Clock
  }
  readonly #id = uuidv7()

  constructor(parts: {
    store: Pick<OutboxStore, 'openRelaySession'>
    retentionMs: number
    outages: OutageLog
    clock: Clock
  }) {
    this.#parts = parts
  }

  /** Works until `stopping` aborts. Never rejects. */
  async run(stopping: AbortSignal): Promise<void> {
    const { store, outages, clock } = this.#parts
    let session: RelaySession | null = null
    while (!stopping.aborted) {
      try {
        session ??= await store.openRelaySession()
        await this.#cleanOnce(session, stopping)
        outages.over(CLEANING)
      } catch (error) {
        outages.failing(CLEANING, error)
      }
      await clock.sleep(EVERY_MS, stopping)
    }
    if (session !== null) await closeQuietly(session)
  }

  async #cleanOnce(session: RelaySession, stopping: AbortSignal): Promise<void> {
    const { retentionMs, clock } = this.#parts
    while (!stopping.aborted) {
      const began = clock.monotonic()
      const result = await session.clean(this.#id, { retentionMs, limit: CHUNK, leaseMs: LEASE_MS })
      if (!result.more) return
      await clock.sleep(9 * (clock.monotonic() - began), stopping)
    }
  }
}
